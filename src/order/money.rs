//! Amounts in minor units. There is no floating point in this crate's money.

use std::fmt;

/// An ISO 4217 code, upper case, or that of a digital asset. Of three letters the shape alone counts: a currency that is
/// new tomorrow must not stop a payment.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Currency {
    /// Filled up with zeros.
    letters: [u8; LETTERS_MAX],
    count: u8,
}

/// The letters of the longest code.
const LETTERS_MAX: usize = 4;
/// The letters of an ISO 4217 code.
const ISO_LETTERS: usize = 3;

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
    /// Reads a code of three ASCII letters in either case, or of four where the decimals of such an asset are known.
    #[must_use]
    pub fn new(code: &str) -> Option<Self> {
        if code.len() < ISO_LETTERS || !code.bytes().all(|letter| letter.is_ascii_alphabetic()) {
            return None;
        }
        let mut letters = [0; LETTERS_MAX];
        letters.get_mut(..code.len())?.copy_from_slice(code.as_bytes());
        let count = u8::try_from(code.len()).ok()?;
        let currency = Self { letters: letters.map(|letter| letter.to_ascii_uppercase()), count };
        (code.len() == ISO_LETTERS || currency.asset_exponent().is_some()).then_some(currency)
    }

    /// The upper-case code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let letters = self.letters.get(..usize::from(self.count)).unwrap_or_default();
        std::str::from_utf8(letters).unwrap_or_default()
    }

    /// How many decimals ISO 4217 gives the currency: 0, 2 (also for codes unknown here), 3 or 4; and digital assets have by
    /// what their smallest unit is called: 8 the satoshi, 9 the gwei.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        self.asset_exponent().unwrap_or_else(|| self.iso_exponent())
    }

    /// Those whose amounts providers of webhooks tell. ETH and SOL have more decimals than 63 bits could hold amounts of.
    fn asset_exponent(&self) -> Option<u32> {
        match self.as_str() {
            "USDC" | "USDT" | "EURC" => Some(6),
            "BTC" | "LTC" | "BCH" | "DOGE" => Some(8),
            "ETH" | "SOL" => Some(9),
            _ => None,
        }
    }

    fn iso_exponent(&self) -> u32 {
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
    fn a_code_is_of_three_letters_or_of_an_asset_whose_decimals_are_known() {
        for (code, expected) in [
            ("usd", Some(("USD", 2))),
            ("BTC", Some(("BTC", 8))),
            ("usdc", Some(("USDC", 6))),
            ("ETH", Some(("ETH", 9))),
            ("XYZ", Some(("XYZ", 2))),
            ("XYZW", None),
            ("USDCX", None),
            ("US", None),
            ("U1D", None),
            ("", None),
        ] {
            let read = Currency::new(code);
            assert_eq!(
                read.map(|own| (own.to_string(), own.exponent())),
                expected.map(|(own, decimals)| (own.to_owned(), decimals))
            );
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
