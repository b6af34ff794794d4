//! Amounts in minor units. There is no floating point in this crate's money.

use std::fmt;

/// An ISO 4217 code, upper case. Shape only: a currency that is new tomorrow must not stop a payment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency([u8; 3]);

/// A non-negative amount of minor units (cents, öre; whole yen) of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Money {
    /// Minor units, never negative.
    pub amount: i64,
    /// Of what.
    pub currency: Currency,
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount, self.currency)
    }
}

/// Why a text is no amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAmount {
    /// Not digits with at most one decimal point.
    #[error("is not a plain decimal number")]
    NotDecimal,
    /// More decimals, other than zeros, than the currency has.
    #[error("has more decimals than its currency")]
    TooPrecise,
    /// Does not fit 63 bits of minor units.
    #[error("is too large")]
    TooLarge,
    /// Below zero.
    #[error("is negative")]
    Negative,
}

impl Currency {
    /// Reads a code of three ASCII letters in either case.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        letters
            .iter()
            .all(u8::is_ascii_alphabetic)
            .then(|| Self(letters.map(|letter| letter.to_ascii_uppercase())))
    }

    /// The upper-case code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// How many decimals ISO 4217 gives the currency: 0, 2 (also for codes unknown here), 3 or 4.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        match self.as_str() {
            "BIF" | "CLP" | "DJF" | "GNF" | "ISK" | "JPY" | "KMF" | "KRW" | "PYG" | "RWF" | "UGX" | "UYI"
            | "VND" | "VUV" | "XAF" | "XOF" | "XPF" => 0,
            "BHD" | "IQD" | "JOD" | "KWD" | "LYD" | "OMR" | "TND" => 3,
            "CLF" | "UYW" => 4,
            _ => 2,
        }
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Scales a decimal text (`"12.50"`, `"1250"`) to minor units: digits in, digits out.
///
/// Decimals beyond `exponent` must be zeros: dropping a fraction would be losing money quietly.
///
/// # Errors
/// [`BadAmount`] when the text is no plain decimal number, is negative, too precise or too large.
pub fn minor_units(text: &str, exponent: u32) -> Result<i64, BadAmount> {
    if text.strip_prefix('-').is_some_and(|rest| rest.bytes().any(|digit| matches!(digit, b'1'..=b'9'))) {
        return Err(BadAmount::Negative);
    }
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) || text.ends_with('.') {
        return Err(BadAmount::NotDecimal);
    }
    let exponent = exponent as usize;
    let (kept, beyond) = fraction.split_at(fraction.len().min(exponent));
    if beyond.bytes().any(|digit| digit != b'0') {
        return Err(BadAmount::TooPrecise);
    }
    let padding = std::iter::repeat_n(b'0', exponent.saturating_sub(kept.len()));
    whole
        .bytes()
        .chain(kept.bytes())
        .chain(padding)
        .try_fold(0_i64, |sum, digit| sum.checked_mul(10)?.checked_add(i64::from(digit.saturating_sub(b'0'))))
        .ok_or(BadAmount::TooLarge)
}

/// The amount as people write it: `2000` of USD is `20.00`.
#[must_use]
pub fn display_amount(amount: i64, currency: Currency) -> String {
    let decimals = currency.exponent() as usize;
    if decimals == 0 {
        return amount.to_string();
    }
    let digits = format!("{:0>width$}", amount.unsigned_abs(), width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    format!("{}{whole}.{fraction}", if amount < 0 { "-" } else { "" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_scaled_by_the_exponent_and_never_rounded() {
        for (text, exponent, expected) in [
            ("12.50", 2, Ok(1250)),
            ("12.5", 2, Ok(1250)),
            ("12", 2, Ok(1200)),
            ("12.500", 2, Ok(1250)),
            ("12.505", 2, Err(BadAmount::TooPrecise)),
            ("1000", 0, Ok(1000)),
            ("1000.00", 0, Ok(1000)),
            ("1.234", 3, Ok(1234)),
            ("0.1", 2, Ok(10)),
            ("-0", 2, Ok(0)),
            ("-1", 2, Err(BadAmount::Negative)),
            ("", 2, Err(BadAmount::NotDecimal)),
            (".5", 2, Err(BadAmount::NotDecimal)),
            ("5.", 2, Err(BadAmount::NotDecimal)),
            ("1e2", 2, Err(BadAmount::NotDecimal)),
            ("1,5", 2, Err(BadAmount::NotDecimal)),
            (" 1", 2, Err(BadAmount::NotDecimal)),
            ("9223372036854775807", 0, Ok(i64::MAX)),
            ("9223372036854775808", 0, Err(BadAmount::TooLarge)),
        ] {
            assert_eq!(minor_units(text, exponent), expected, "{text} with {exponent} decimals");
        }
    }

    #[test]
    fn an_amount_is_shown_with_its_currency_s_decimals() {
        let shown = |amount, code| display_amount(amount, Currency::new(code).unwrap());
        assert_eq!(
            [shown(2000, "usd"), shown(5, "EUR"), shown(500, "JPY"), shown(1, "KWD"), shown(i64::MIN, "USD")],
            ["20.00", "0.05", "500", "0.001", "-92233720368547758.08"]
        );
    }
}
