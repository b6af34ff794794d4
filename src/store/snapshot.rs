//! Builds the domain's snapshot from the rows of a load.

use std::collections::HashMap;

use sqlx::{ColumnIndex, Decode, FromRow, Row, Type};

use crate::order::{
    Basis, Claim, Currency, Entry, Fact, Id, Key, Kind, Known, Link, Money, Outcome, Snapshot, Standing,
    UnixMicros,
};

use super::{StoreError, Wanted};

/// A row of a load; the tag says what the other columns mean.
#[derive(Clone, Copy)]
pub(super) struct LoadRow<'r> {
    /// 1 a known event, 2 a payment with an entry or none, 3 an order, 4 a large order.
    tag: i32,
    /// Of the event or order; none of a payment without entries.
    id: Option<&'r str>,
    source: &'r str,
    payment: Option<&'r str>,
    link: Option<&'r str>,
    linked_order: Option<&'r str>,
    /// Outcome or kind.
    word: Option<&'r str>,
    /// Reason or reference.
    text: Option<&'r str>,
    /// Amount, version, or whether the event's body is gone.
    number: Option<i64>,
    currency: Option<&'r str>,
    account: Option<&'r str>,
    basis: Option<&'r str>,
    claimed_order: Option<&'r str>,
    rank: Option<i16>,
    /// When it arrived or happened.
    at: Option<UnixMicros>,
    facts: Option<&'r [u8]>,
    body: Option<&'r [u8]>,
}

impl<'r, R> FromRow<'r, R> for LoadRow<'r>
where
    R: Row,
    usize: ColumnIndex<R>,
    &'r str: Decode<'r, R::Database> + Type<R::Database>,
    &'r [u8]: Decode<'r, R::Database> + Type<R::Database>,
    i16: Decode<'r, R::Database> + Type<R::Database>,
    i32: Decode<'r, R::Database> + Type<R::Database>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    UnixMicros: Decode<'r, R::Database> + Type<R::Database>,
{
    /// By place, and without a look at the types: a load is the hot path, of thousands of rows for a busy order, and its
    /// statement says what each place holds.
    fn from_row(row: &'r R) -> Result<Self, sqlx::Error> {
        Ok(Self {
            tag: row.try_get_unchecked(0)?,
            id: row.try_get_unchecked(1)?,
            source: row.try_get_unchecked(2)?,
            payment: row.try_get_unchecked(3)?,
            link: row.try_get_unchecked(4)?,
            linked_order: row.try_get_unchecked(5)?,
            word: row.try_get_unchecked(6)?,
            text: row.try_get_unchecked(7)?,
            number: row.try_get_unchecked(8)?,
            currency: row.try_get_unchecked(9)?,
            account: row.try_get_unchecked(10)?,
            basis: row.try_get_unchecked(11)?,
            claimed_order: row.try_get_unchecked(12)?,
            rank: row.try_get_unchecked(13)?,
            at: row.try_get_unchecked(14)?,
            facts: row.try_get_unchecked(15)?,
            body: row.try_get_unchecked(16)?,
        })
    }
}

/// Sorts the rows of one load into a snapshot.
pub(super) fn assemble<'r, R: Row>(rows: &'r [R]) -> Result<Snapshot, StoreError>
where
    LoadRow<'r>: FromRow<'r, R>,
{
    let mut snapshot = Snapshot::default();
    let mut ids = Ids::default();
    for row in rows {
        let row = LoadRow::from_row(row)?;
        add(&mut snapshot, &mut ids, row).ok_or_else(|| unreadable(row))?;
    }
    Ok(snapshot)
}

/// Orders of which as many entries were loaded as make one large are only told to be so: nothing is given of them but the links of
/// the payments that were asked for.
pub(super) fn leave_out_large_orders(snapshot: &mut Snapshot, wanted: &Wanted) {
    let order_of =
        |payment: &Key, link: &Link| Key { id: link.order.clone(), source: payment.source.clone() };
    let mut rows: HashMap<Key, usize> = HashMap::new();
    for (payment, link) in &snapshot.links {
        // A payment without entries is a row, too.
        let own = snapshot.entries.get(payment).map_or(1, |entries| entries.len().max(1));
        *rows.entry(order_of(payment, link)).or_default() += own;
    }
    let is_large = |(order, rows): (Key, usize)| {
        wanted.order_events_max.is_some_and(|max| rows >= max as usize).then_some(order)
    };
    snapshot.large_orders.extend(rows.into_iter().filter_map(is_large));
    let Snapshot { entries, links, large_orders, .. } = snapshot;
    links.retain(|payment, link| {
        let is_large = large_orders.contains(&order_of(payment, link));
        if is_large {
            entries.remove(payment);
        }
        !is_large || wanted.payments.contains(payment)
    });
}

fn unreadable(row: LoadRow<'_>) -> StoreError {
    let name = |id: Option<&str>| format!("{}/{}", row.source, id.unwrap_or_default());
    let what = match (row.tag, row.id) {
        (1, id) => format!("event {}", name(id)),
        (3, id) => format!("order {}", name(id)),
        (_, None) => format!("payment {}", name(row.payment)),
        (_, id) => format!("event {} or its payment {}", name(id), name(row.payment)),
    };
    StoreError::Blocked(format!(
        "{what} holds a value that this version cannot read; run the version that wrote it, or a newer one"
    ))
}

/// Rows mostly come by payment, so most of their ids are those of the row before.
#[derive(Default)]
struct Ids {
    source: Option<Id>,
    payment: Option<Id>,
    order: Option<Id>,
    account: Option<Id>,
}

fn as_before(before: &mut Option<Id>, text: &str) -> Option<Id> {
    if before.as_ref().is_none_or(|id| id.as_str() != text) {
        *before = Some(id_of(text)?);
    }
    before.clone()
}

fn add(snapshot: &mut Snapshot, ids: &mut Ids, row: LoadRow<'_>) -> Option<()> {
    let source = as_before(&mut ids.source, row.source)?;
    match row.tag {
        1 => {
            let known = Known {
                outcome: Outcome::from_word(row.word?)?,
                reason: row.text.map(str::to_owned),
                facts_sha256: row.facts?.try_into().ok()?,
                body_sha256: row.body?.try_into().ok()?,
                received_at: row.at?,
                is_purged: row.number? != 0,
            };
            snapshot.known.insert(Key { id: id_of(row.id?)?, source }, known);
        }
        2 => {
            let key = Key { id: as_before(&mut ids.payment, row.payment?)?, source };
            let order = as_before(&mut ids.order, row.linked_order?)?;
            if let Some(event) = row.id {
                let stated = (row.word, row.basis, row.text);
                let entry = Entry {
                    event: id_of(event)?,
                    occurred_at: row.at?,
                    account: match row.account {
                        Some(account) => Some(as_before(&mut ids.account, account)?),
                        None => None,
                    },
                    fact: fact(stated, row.number, row.currency)?,
                    claim: claim(row.claimed_order, row.rank)?,
                };
                snapshot.entries.entry(key.clone()).or_default().push(entry);
            }
            snapshot.links.insert(key, Link { order, standing: Standing::from_word(row.link?)? });
        }
        3 => {
            snapshot.versions.insert(Key { id: id_of(row.id?)?, source }, row.number?);
        }
        4 => {
            snapshot.large_orders.insert(Key { id: id_of(row.id?)?, source });
        }
        _ => return None,
    }
    Some(())
}

/// `Some(None)`: the entry states no fact.
pub(super) fn fact(
    (kind, basis, reference): (Option<&str>, Option<&str>, Option<&str>),
    amount: Option<i64>,
    currency: Option<&str>,
) -> Option<Option<Fact>> {
    let Some(kind) = kind else { return Some(None) };
    Some(Some(Fact {
        kind: Kind::from_word(kind)?,
        reference: id_of(reference?)?,
        money: money(amount, currency)?,
        basis: Basis::from_word(basis?)?,
    }))
}

/// `Some(None)`: the fact says nothing of an amount.
fn money(amount: Option<i64>, currency: Option<&str>) -> Option<Option<Money>> {
    let Some(amount) = amount else { return Some(None) };
    Some(Some(Money { amount, currency: Currency::new(currency?)? }))
}

/// `Some(None)`: the entry names no order.
pub(super) fn claim(order: Option<&str>, rank: Option<i16>) -> Option<Option<Claim>> {
    let Some(order) = order else { return Some(None) };
    Some(Some(Claim { order: id_of(order)?, rank: rank? }))
}

fn id_of(text: &str) -> Option<Id> {
    Id::new(text).ok()
}
