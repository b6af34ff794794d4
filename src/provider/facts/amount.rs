//! Amounts as providers write them, in minor units of ISO 4217.

use super::super::SourceSettings;
use super::super::definition::{self, AmountUnit, Difference, Texts};
use super::super::fields::{Missing, Selector, Selectors, View};
use crate::order::{Currency, Money};

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
        Ok(Self {
            amount: selectors.all(amount, source)?,
            currency: selectors.all(currency, source)?,
            less: rule.less.as_ref().map(|less| difference(less, selectors, source)).transpose()?,
            is_absolute: rule.absolute,
            unit: facts.unit,
            exponents: exponents(facts)?,
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
        self.unit.read(unsigned, currency, &self.exponents).map_err(|error| format!("amount {error}"))
    }
}

/// The currencies whose decimals a provider counts in its own way.
///
/// # Errors
/// What was expected.
pub(in crate::provider) fn exponents(facts: &definition::FactsTable) -> Result<Vec<(Currency, u32)>, String> {
    let exponents = facts.exponents.iter().map(|(code, exponent)| match Currency::new(code) {
        Some(currency) if *exponent <= 4 => Ok((currency, *exponent)),
        Some(_) | None => Err(format!("exponents.{code}: expected a currency code and 0 to 4")),
    });
    exponents.collect()
}

fn difference(
    less: &Difference,
    selectors: &mut Selectors,
    source: &SourceSettings,
) -> Result<(Vec<Selector>, Vec<Selector>), String> {
    Ok((selectors.all(&less.from, source)?, selectors.all(&less.take, source)?))
}
