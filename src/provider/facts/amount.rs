//! Amounts as providers write them, in minor units of ISO 4217.

use super::super::SourceSettings;
use super::super::definition::{self, AmountUnit, Difference, Texts};
use super::super::fields::{Missing, Selector, Selectors, View};
use crate::order::{BadAmount, Currency, Money, minor_units};

/// The decimals of an amount in thousandths.
const MILLI_DECIMALS: u32 = 3;

/// Where an amount and its currency are, and how they are written.
#[derive(Debug, Clone)]
pub(super) struct Amounts {
    amount: Vec<Selector>,
    currency: Vec<Selector>,
    /// What is left of the first without the second is taken off the amount.
    less: Option<(Vec<Selector>, Vec<Selector>)>,
    is_absolute: bool,
    unit: AmountUnit,
    exponents: Vec<(Currency, u32)>,
}

impl Amounts {
    /// # Errors
    /// What was expected.
    pub(super) fn new(
        (amount, currency): (&Texts, &Texts),
        rule: &definition::RuleTable,
        facts: &definition::FactsTable,
        selectors: &mut Selectors,
        source: &SourceSettings,
    ) -> Result<Self, String> {
        let exponents = facts
            .exponents
            .iter()
            .map(|(code, exponent)| match Currency::new(code) {
                Some(currency) if *exponent <= 4 => Ok((currency, *exponent)),
                Some(_) | None => Err(format!("exponents.{code}: expected a currency code and 0 to 4")),
            })
            .collect::<Result<_, String>>()?;
        Ok(Self {
            amount: selectors.all(amount, source)?,
            currency: selectors.all(currency, source)?,
            less: rule.less.as_ref().map(|less| difference(less, selectors, source)).transpose()?,
            is_absolute: rule.absolute,
            unit: facts.unit,
            exponents,
        })
    }

    /// Whether nothing is said of an amount.
    pub(super) fn are_absent(&self, view: &View<'_>) -> bool {
        matches!(view.first(&self.amount), Err(Missing::Absent))
    }

    /// The amount; none where less than nothing is left of it.
    ///
    /// # Errors
    /// Which of the two is missing or unreadable, and why.
    pub(super) fn read(&self, view: &View<'_>) -> Result<Option<Money>, String> {
        let whole = self.whole(view)?;
        let currency = whole.currency;
        let taken = match &self.less {
            None => 0,
            Some((from, take)) => {
                let of = |selectors: &Vec<Selector>| match selectors.as_slice() {
                    [] => Ok(0),
                    selectors => self.amount_at(selectors, view, currency),
                };
                of(from)?.saturating_sub(of(take)?).max(0)
            }
        };
        let amount = whole.amount - taken;
        Ok((amount >= 0).then_some(Money { amount, currency }))
    }

    /// The amount without what is taken off it.
    ///
    /// # Errors
    /// As [`Amounts::read`].
    pub(super) fn whole(&self, view: &View<'_>) -> Result<Money, String> {
        let code = view.first(&self.currency).map_err(|missing| format!("currency {missing}"))?;
        let currency = Currency::new(&code).ok_or("currency is unreadable")?;
        Ok(Money { amount: self.amount_at(&self.amount, view, currency)?, currency })
    }

    fn amount_at(&self, selectors: &[Selector], view: &View<'_>, currency: Currency) -> Result<i64, String> {
        let text = view.first(selectors).map_err(|missing| format!("amount {missing}"))?;
        if self.unit == AmountUnit::Minor && text.contains('.') {
            return Err("amount is not a whole number of minor units".to_owned());
        }
        let unsigned = if self.is_absolute { text.strip_prefix('-').unwrap_or(&text) } else { &text };
        self.minor(unsigned, currency).map_err(|error| format!("amount {error}"))
    }

    fn minor(&self, text: &str, currency: Currency) -> Result<i64, BadAmount> {
        match self.unit {
            AmountUnit::Major => minor_units(text, currency.exponent()),
            AmountUnit::Milli => rescale(minor_units(text, 0)?, MILLI_DECIMALS, currency.exponent()),
            AmountUnit::Minor => {
                let own = self.exponents.iter().find(|(own, _)| *own == currency);
                let from = own.map_or(currency.exponent(), |(_, exponent)| *exponent);
                rescale(minor_units(text, 0)?, from, currency.exponent())
            }
        }
    }
}

fn difference(
    less: &Difference,
    selectors: &mut Selectors,
    source: &SourceSettings,
) -> Result<(Vec<Selector>, Vec<Selector>), String> {
    Ok((selectors.all(&less.from, source)?, selectors.all(&less.take, source)?))
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
