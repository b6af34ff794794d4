//! Amounts as providers write them: how a unit's digits become minor units of ISO 4217.

use super::super::definition::AmountUnit;
use crate::order::{BadAmount, Currency, minor_units};

/// The decimals of an amount in hundredths.
const HUNDREDTHS_DECIMALS: u32 = 2;
/// The decimals of an amount in thousandths.
const MILLI_DECIMALS: u32 = 3;

impl AmountUnit {
    /// Reads an amount that is not below zero. `own`: the currencies whose decimals the provider counts in its own way.
    ///
    /// # Errors
    /// [`BadAmount`].
    pub(in crate::provider) fn read(
        self,
        text: &str,
        currency: Currency,
        own: &[(Currency, u32)],
    ) -> Result<i64, BadAmount> {
        let from = match self {
            Self::Major => return minor_units(text, currency.exponent()),
            Self::Milli => MILLI_DECIMALS,
            Self::Hundredths => HUNDREDTHS_DECIMALS,
            Self::Minor => {
                let own = own.iter().find(|(own, _)| *own == currency);
                own.map_or(currency.exponent(), |(_, exponent)| *exponent)
            }
        };
        rescale(minor_units(text, 0)?, from, currency.exponent())
    }
}

/// From the provider's count of decimals to that of ISO 4217.
fn rescale(amount: i64, from: u32, to: u32) -> Result<i64, BadAmount> {
    let step = 10_i64.checked_pow(from.abs_diff(to)).ok_or(BadAmount::TooLarge)?;
    if from <= to {
        return amount.checked_mul(step).ok_or(BadAmount::TooLarge);
    }
    if amount % step == 0 { Ok(amount / step) } else { Err(BadAmount::TooPrecise) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_provider_s_own_decimals_become_those_of_iso_4217() {
        assert_eq!(rescale(50_000, 2, 0), Ok(500), "Stripe writes 500 kr of ISK as 50000");
        assert_eq!(rescale(500, 0, 2), Ok(50_000), "and 500 Ar of MGA as 500");
        assert_eq!(rescale(1_234, 2, 2), Ok(1_234));
        assert_eq!(rescale(50_001, 2, 0), Err(BadAmount::TooPrecise));
        assert_eq!(rescale(i64::MAX, 0, 2), Err(BadAmount::TooLarge));
    }
}
