//! What a row says, by the rules of a report's definition.

use sha2::{Digest, Sha256};

use super::super::definition::{AmountUnit, ReportRule, ReportTable, Texts, Unit};
use super::super::facts::Types;
use super::Line;
use super::columns::{Cell, Cells, Columns};
use super::time_zone::by_clock_of;
use crate::order::{
    Class, Compared, Currency, ID_CHARS_MAX, Id, Kind, MatchedBy, ReportRow, RowFact, RowMoney, UnixMicros,
};

/// A report's definition, compiled: where the texts of a row are, and what they mean.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    row: Vec<Cell>,
    type_name: Cell,
    time: Option<(Vec<Cell>, Unit, Option<Cell>)>,
    /// An amount and its currency, the first of which both are there.
    money: Vec<(Cell, Cell)>,
    settled: Option<(Cell, Cell)>,
    fee: Option<Cell>,
    payout: Option<Cell>,
    order: Vec<Cell>,
    unit: AmountUnit,
    /// The currencies whose decimals the provider counts in its own way.
    exponents: Vec<(Currency, u32)>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    types: Types,
    when: Vec<(Cell, Vec<String>)>,
    /// None: it moves no customer's money.
    kind: Option<Kind>,
    sign: i64,
    payment: Vec<Cell>,
    reference: Vec<Cell>,
    matched_by: MatchedBy,
    compared: Compared,
}

impl Rules {
    /// # Errors
    /// What was expected.
    pub(super) fn new(
        table: &ReportTable,
        exponents: Vec<(Currency, u32)>,
        columns: &mut Columns,
    ) -> Result<Self, String> {
        if [&table.row, &table.amount, &table.currency].iter().any(|texts| texts.0.is_empty()) {
            return Err("expected cells for `row`, `amount` and `currency`".to_owned());
        }
        let (amounts, currencies) = (columns.cells(&table.amount), columns.cells(&table.currency));
        // Where one list is shorter, its last cell stands for the missing ones.
        let pair = |at: usize| {
            Some((
                amounts.get(at).or(amounts.last())?.clone(),
                currencies.get(at).or(currencies.last())?.clone(),
            ))
        };
        let money = (0..amounts.len().max(currencies.len())).filter_map(pair).collect();
        let settled = table.settled.as_ref().zip(table.settled_currency.as_ref());
        let time = table.time.as_ref().map(|time| {
            (columns.cells(&time.from), time.unit, time.zone.as_ref().map(|zone| columns.cell(zone)))
        });
        Ok(Self {
            row: columns.cells(&table.row),
            type_name: columns.cell(&table.type_name),
            time,
            money,
            settled: settled.map(|(amount, currency)| (columns.cell(amount), columns.cell(currency))),
            fee: table.fee.as_ref().map(|fee| columns.cell(fee)),
            payout: table.payout.as_ref().map(|payout| columns.cell(payout)),
            order: columns.cells(&table.order),
            unit: table.unit,
            exponents,
            rules: table
                .rules
                .iter()
                .map(|rule| Rule::new(rule, table, columns))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Of each list of cells one column must be there, of the row's own id all: how they are named, and whether one is.
    pub(super) fn needs(&self) -> impl Iterator<Item = Vec<usize>> {
        let one = |cells: &[Cell]| cells.iter().map(Cell::at).collect::<Vec<_>>();
        let amounts = self.money.iter().map(|(amount, _)| amount.at()).collect();
        let currencies = self.money.iter().map(|(_, currency)| currency.at()).collect();
        let time = self.time.as_ref().map(|(cells, ..)| one(cells)).unwrap_or_default();
        let references = self.rules.iter().flat_map(|rule| [one(&rule.payment), one(&rule.reference)]);
        let each_of_the_id = self.row.iter().map(|cell| vec![cell.at()]);
        let lists = [vec![self.type_name.at()], time, amounts, currencies];
        let all: Vec<_> = each_of_the_id.chain(lists).chain(references).collect();
        all.into_iter().filter(|cells| !cells.is_empty())
    }

    /// The classes of movements that the report tells of.
    pub(super) fn classes(&self) -> impl Iterator<Item = Class> {
        self.rules.iter().filter_map(|rule| Some(Class::of(rule.kind?)?.0))
    }

    /// What a row says, and by how many microseconds its time may be off.
    pub(super) fn read(&self, cells: &Cells<'_>) -> (Line, i64) {
        let (occurred_at, slack) = self.time(cells).unzip();
        (self.line(cells, occurred_at).unwrap_or_else(Line::Unreadable), slack.unwrap_or_default())
    }

    fn line(&self, cells: &Cells<'_>, occurred_at: Option<UnixMicros>) -> Result<Line, String> {
        let type_name = cells.text(&self.type_name).ok_or("its type is missing")?.to_owned();
        let rule = self.rules.iter().find(|rule| rule.fits(&type_name, cells));
        let kind = match rule.map(|rule| (rule, rule.kind)) {
            Some((_, None)) => return Ok(Line::Ignored),
            Some((rule, Some(kind))) => Some((rule, kind)),
            None => None,
        };
        let (id, fact, money) = match kind {
            None => (digest_of(cells), None, self.money(cells, 1).unwrap_or_default()),
            Some((rule, kind)) => {
                let money = self.money(cells, rule.sign)?;
                if money.is_none() && rule.compared == Compared::Amount {
                    return Err("its amount is missing".to_owned());
                }
                (self.id(cells)?, Some(self.fact(rule, kind, cells)?), money)
            }
        };
        let settled = self
            .settled
            .as_ref()
            .and_then(|(amount, currency)| self.money_in((amount, currency), cells).ok().flatten());
        let own_currency = settled.or(money).map(|(_, currency)| currency);
        let fee = self
            .fee
            .as_ref()
            .zip(own_currency)
            .and_then(|(fee, currency)| self.signed(cells.text(fee)?, currency).ok());
        let payout = self.payout.as_ref().and_then(|cell| Id::new(cells.text(cell)?).ok());
        Ok(Line::Row(ReportRow { id, type_name, fact, money, settled, fee, payout, occurred_at }))
    }

    fn fact(&self, rule: &Rule, kind: Kind, cells: &Cells<'_>) -> Result<RowFact, String> {
        let payment = cells.first(&rule.payment).ok_or("its payment is missing")?;
        let mut references = rule.reference.iter().filter_map(|cell| cells.text(cell));
        let reference = match rule.matched_by {
            MatchedBy::Payment => payment,
            MatchedBy::Reference => references.next().ok_or("its reference is missing")?,
        };
        let id = |what: &str, text: &str| Id::new(text).map_err(|error| format!("its {what} {error}"));
        // Refunds and disputes may bear an order of their own.
        let order = (kind == Kind::Captured).then(|| cells.first(&self.order)).flatten();
        Ok(RowFact {
            kind,
            payment: id("payment", payment)?,
            reference: id("reference", reference)?,
            other_reference: references.next().map(|other| id("reference", other)).transpose()?,
            order: order.map(|order| id("order", order)).transpose()?,
            matched_by: rule.matched_by,
            compared: rule.compared,
        })
    }

    /// An id of several cells is joined; one that no column holds is told by its digest.
    fn id(&self, cells: &Cells<'_>) -> Result<Id, String> {
        let texts: Vec<&str> = self.row.iter().map(|cell| cells.text(cell).unwrap_or_default()).collect();
        if texts.iter().all(|text| text.is_empty()) {
            return Err("its own id is missing".to_owned());
        }
        let joined = texts.join("/");
        if joined.chars().count() > ID_CHARS_MAX {
            return Ok(Id::from(<[u8; 32]>::from(Sha256::digest(joined))));
        }
        Id::new(&joined).map_err(|error| format!("its own id {error}"))
    }

    fn time(&self, cells: &Cells<'_>) -> Option<(UnixMicros, i64)> {
        let (from, unit, zone) = self.time.as_ref()?;
        let read = unit.read(cells.first(from)?)?;
        Some(match zone {
            None => (read, 0),
            Some(zone) => by_clock_of(cells.text(zone), read),
        })
    }

    /// The amount of a movement: what a rule says of its way takes the place of the sign that a report gives it.
    fn money(&self, cells: &Cells<'_>, sign: i64) -> Result<Option<RowMoney>, String> {
        let has_amount = |(amount, _): &&(Cell, Cell)| cells.text(amount).is_some();
        let whole = self.money.iter().filter(has_amount).find(|(_, currency)| cells.text(currency).is_some());
        let Some((amount, currency)) = whole.or_else(|| self.money.iter().find(has_amount)) else {
            return Ok(None);
        };
        let money = self.money_in((amount, currency), cells)?;
        Ok(money.map(|(amount, currency)| (amount.saturating_abs().saturating_mul(sign), currency)))
    }

    fn money_in(
        &self,
        (amount, currency): (&Cell, &Cell),
        cells: &Cells<'_>,
    ) -> Result<Option<RowMoney>, String> {
        let Some(text) = cells.text(amount) else { return Ok(None) };
        let code = cells.text(currency).ok_or("its currency is missing")?;
        let currency = Currency::new(code).ok_or("its currency is unreadable")?;
        Ok(Some((self.signed(text, currency)?, currency)))
    }

    fn signed(&self, text: &str, currency: Currency) -> Result<i64, String> {
        let (sign, digits) = match text.strip_prefix('-') {
            Some(digits) => (-1, digits),
            None => (1, text),
        };
        let amount = self.unit.read(digits, currency, &self.exponents);
        amount.map(|amount| amount * sign).map_err(|error| format!("its amount {error}"))
    }
}

impl Rule {
    fn new(rule: &ReportRule, table: &ReportTable, columns: &mut Columns) -> Result<Self, String> {
        let kind = rule.kind.map(|kind| kind.0);
        let names = rule.types.0.join(", ");
        let payment = if rule.payment.0.is_empty() { &table.payment } else { &rule.payment };
        match kind {
            None if rule.ignored.is_none() => {
                return Err(format!("rule of {names}: expected `kind`, or why it is `ignored`"));
            }
            Some(kind) if Class::of(kind).is_none() => {
                return Err(format!("rule of {names}: a report tells of no `{kind}`"));
            }
            Some(_) if payment.0.is_empty() || (rule.reference.0.is_empty() && !rule.by_payment) => {
                return Err(format!(
                    "rule of {names}: expected `payment`, and a `reference` or `by_payment`"
                ));
            }
            Some(_) | None if rule.sign.abs() != 1 => {
                return Err(format!("rule of {names}: expected a `sign` of 1 or -1"));
            }
            Some(_) | None => {}
        }
        let when = rule.when.iter().map(|(cell, Texts(texts))| (columns.cell(cell), texts.clone())).collect();
        Ok(Self {
            types: Types::listed(&rule.types.0),
            when,
            kind,
            sign: rule.sign,
            payment: columns.cells(payment),
            reference: columns.cells(&rule.reference),
            matched_by: if rule.by_payment { MatchedBy::Payment } else { MatchedBy::Reference },
            compared: if rule.presence { Compared::Presence } else { Compared::Amount },
        })
    }

    fn fits(&self, type_name: &str, cells: &Cells<'_>) -> bool {
        let holds = |(cell, texts): &(Cell, Vec<String>)| match cells.text(cell) {
            None => texts.iter().any(String::is_empty),
            Some(text) => texts.iter().any(|own| own == text || own == "*"),
        };
        self.types.include(type_name) && self.when.iter().all(holds)
    }
}

/// Rows that no rule knows may share what is the id of others.
fn digest_of(cells: &Cells<'_>) -> Id {
    let mut digest = Sha256::new();
    for cell in &cells.0 {
        digest.update(cell.as_deref().unwrap_or_default());
        digest.update([0]);
    }
    Id::from(<[u8; 32]>::from(digest.finalize()))
}
