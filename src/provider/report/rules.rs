//! What a row says, by the rules of a report's definition.

use sha2::{Digest, Sha256};

use super::super::definition::{ReportRule, ReportTable, Texts};
use super::super::facts::Types;
use super::Line;
use super::amounts::Amounts;
use super::columns::{Cell, Cells, Columns, empty, quoted};
use super::time::RowTime;
use crate::order::{Class, Compared, Currency, ID_CHARS_MAX, Id, Kind, MatchedBy, ReportRow, RowFact};

/// A report's definition, compiled: where the texts of a row are, and what they mean.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    row: Vec<Cell>,
    type_name: Cell,
    time: Option<RowTime>,
    account: Option<Cell>,
    money: Amounts,
    settled: Option<(Cell, Cell)>,
    fee: Option<Cell>,
    payout: Option<Cell>,
    order: Vec<Cell>,
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
        let settled = table.settled.as_ref().zip(table.settled_currency.as_ref());
        Ok(Self {
            row: columns.cells(&table.row),
            type_name: columns.cell(&table.type_name),
            time: table.time.as_ref().map(|time| RowTime::new(time, columns)),
            account: table.account.as_ref().map(|account| columns.cell(account)),
            money: Amounts::new(table, exponents, columns),
            settled: settled.map(|(amount, currency)| (columns.cell(amount), columns.cell(currency))),
            fee: table.fee.as_ref().map(|fee| columns.cell(fee)),
            payout: table.payout.as_ref().map(|payout| columns.cell(payout)),
            order: columns.cells(&table.order),
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
        let (amounts, currencies) = self.money.places();
        let time = self.time.as_ref().map(RowTime::places).unwrap_or_default();
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

    /// The place of the type's column among the names.
    pub(super) fn type_at(&self) -> usize {
        self.type_name.at()
    }

    /// What a row says, and by how many microseconds its time may be off.
    pub(super) fn read(&self, cells: &Cells<'_>, accounts: &[String]) -> (Line, i64) {
        let account = cells.section_account.or_else(|| cells.text(self.account.as_ref()?));
        if let Some(foreign) =
            account.filter(|own| !accounts.is_empty() && !accounts.iter().any(|one| one == own))
        {
            return (Line::Foreign(foreign.chars().take(ID_CHARS_MAX).collect()), 0);
        }
        self.line(cells).unwrap_or_else(|problem| (Line::Unreadable(problem), 0))
    }

    fn line(&self, cells: &Cells<'_>) -> Result<(Line, i64), String> {
        let type_name = cells.text(&self.type_name).ok_or_else(|| empty([&self.type_name]))?;
        // What no rule knows is listed by its name, and stored.
        let type_name =
            Id::new(type_name).map_err(|error| format!("{} {error}", self.type_name.name()))?.to_string();
        let rule = self.rules.iter().find(|rule| rule.fits(&type_name, cells));
        let kind = match rule.map(|rule| (rule, rule.kind)) {
            Some((_, None)) => return Ok((Line::Ignored(type_name), 0)),
            Some((rule, Some(kind))) => Some((rule, kind)),
            None => None,
        };
        let (id, fact, money) = match kind {
            None => (digest_of(cells), None, self.money.of_movement(cells, 1).unwrap_or_default()),
            Some((rule, kind)) => {
                let money = self.money.of_movement(cells, rule.sign)?;
                if money.is_none() && rule.compared == Compared::Amount {
                    return Err(self.money.missing());
                }
                (self.id(cells)?, Some(self.fact(rule, kind, cells)?), money)
            }
        };
        let time = self.time.as_ref().map(|time| time.read(cells)).transpose()?;
        let (occurred_at, slack) = time.flatten().unzip();
        let settled = self
            .settled
            .as_ref()
            .and_then(|(amount, currency)| self.money.in_cells((amount, currency), cells).ok().flatten());
        let own_currency = settled.or(money).map(|(_, currency)| currency);
        let fee = self
            .fee
            .as_ref()
            .zip(own_currency)
            .and_then(|(fee, currency)| self.money.signed(fee, cells.text(fee)?, currency).ok());
        let payout = self.payout.as_ref().and_then(|cell| Id::new(cells.text(cell)?).ok());
        let row = ReportRow { id, type_name, fact, money, settled, fee, payout, occurred_at };
        Ok((Line::Row(row), slack.unwrap_or_default()))
    }

    fn fact(&self, rule: &Rule, kind: Kind, cells: &Cells<'_>) -> Result<RowFact, String> {
        let payment = cells.first(&rule.payment).ok_or_else(|| empty(&rule.payment))?;
        let mut references = rule.reference.iter().filter_map(|cell| cells.text(cell));
        let reference = match rule.matched_by {
            MatchedBy::Payment => payment,
            MatchedBy::Reference => references.next().ok_or_else(|| empty(&rule.reference))?,
        };
        let id = |what: &str, text: &str| {
            Id::new(text).map_err(|error| format!("its {what} {} {error}", quoted(text)))
        };
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
            return Err(empty(&self.row));
        }
        let joined = texts.join("/");
        if joined.chars().count() > ID_CHARS_MAX {
            return Ok(Id::from(<[u8; 32]>::from(Sha256::digest(joined))));
        }
        Id::new(&joined).map_err(|error| format!("its own id {} {error}", quoted(&joined)))
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
    for cell in &cells.texts {
        digest.update(cell.as_deref().unwrap_or_default());
        digest.update([0]);
    }
    Id::from(<[u8; 32]>::from(digest.finalize()))
}
