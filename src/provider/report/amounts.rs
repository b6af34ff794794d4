//! The amounts of a report's rows.

use super::super::definition::{AmountUnit, ReportTable};
use super::columns::{Cell, Cells, Columns, empty, quoted};
use crate::order::{BadAmount, Currency, RowMoney};

/// What to do about an amount that a spreadsheet or a setting of the export wrote in its own way.
const AS_IT_SHOULD_BE: &str =
    ": expected digits with a point before the decimals, as in 1234.50, and nothing between the thousands";

/// Where amounts are, and how they are written.
#[derive(Debug, Clone)]
pub(super) struct Amounts {
    /// An amount and its currency, the first of which both are there.
    cells: Vec<(Cell, Cell)>,
    unit: AmountUnit,
    /// The currencies whose decimals the provider counts in its own way.
    exponents: Vec<(Currency, u32)>,
}

impl Amounts {
    pub(super) fn new(table: &ReportTable, exponents: Vec<(Currency, u32)>, columns: &mut Columns) -> Self {
        let (amounts, currencies) = (columns.cells(&table.amount), columns.cells(&table.currency));
        // Where one list is shorter, its last cell stands for the missing ones.
        let pair = |at: usize| {
            Some((
                amounts.get(at).or(amounts.last())?.clone(),
                currencies.get(at).or(currencies.last())?.clone(),
            ))
        };
        let cells = (0..amounts.len().max(currencies.len())).filter_map(pair).collect();
        Self { cells, unit: table.unit, exponents }
    }

    /// The places of the columns of amounts, and of their currencies.
    pub(super) fn places(&self) -> (Vec<usize>, Vec<usize>) {
        let (mut amounts, mut currencies): (Vec<_>, Vec<_>) =
            self.cells.iter().map(|(amount, currency)| (amount.at(), currency.at())).unzip();
        amounts.dedup();
        currencies.dedup();
        (amounts, currencies)
    }

    /// What is said of a row that has none.
    pub(super) fn missing(&self) -> String {
        empty(self.cells.iter().map(|(amount, _)| amount))
    }

    /// The amount of a movement: what a rule says of its way takes the place of the sign that a report gives it.
    pub(super) fn of_movement(&self, cells: &Cells<'_>, sign: i64) -> Result<Option<RowMoney>, String> {
        let has_amount = |(amount, _): &&(Cell, Cell)| cells.text(amount).is_some();
        let is_whole = |(_, currency): &&(Cell, Cell)| cells.text(currency).is_some();
        // Of a credit and a debit, which have one currency, the other may be written as nothing.
        let is_credit_or_debit = self.cells.windows(2).all(|two| two[0].1.at() == two[1].1.at());
        let is_more = |(amount, _): &&(Cell, Cell)| {
            let text = cells.text(amount).unwrap_or_default();
            !is_credit_or_debit || text.bytes().any(|digit| matches!(digit, b'1'..=b'9'))
        };
        let all = || self.cells.iter().filter(has_amount);
        let whole = || all().filter(is_whole);
        let first = whole().find(is_more).or_else(|| whole().next()).or_else(|| all().next());
        let Some((amount, currency)) = first else { return Ok(None) };
        let money = self.in_cells((amount, currency), cells)?;
        Ok(money.map(|(amount, currency)| (amount.saturating_abs().saturating_mul(sign), currency)))
    }

    /// The amount in a cell, of the currency in another.
    pub(super) fn in_cells(
        &self,
        (amount, currency): (&Cell, &Cell),
        cells: &Cells<'_>,
    ) -> Result<Option<RowMoney>, String> {
        let Some(text) = cells.text(amount) else { return Ok(None) };
        let code = cells.text(currency).ok_or_else(|| empty([currency]))?;
        let currency = Currency::new(code)
            .ok_or_else(|| format!("{} {} is no currency", currency.name(), quoted(code)))?;
        Ok(Some((self.signed(amount, text, currency)?, currency)))
    }

    /// An amount that may be below zero.
    pub(super) fn signed(&self, cell: &Cell, text: &str, currency: Currency) -> Result<i64, String> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let amount = self.unit.read(digits, currency, &self.exponents);
        amount.map(|amount| amount * sign).map_err(|error| {
            let way_out = if error == BadAmount::NotDecimal { AS_IT_SHOULD_BE } else { "" };
            format!("{} {} {error}{way_out}", cell.name(), quoted(text))
        })
    }
}
