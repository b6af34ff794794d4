//! From the rows of a load to the domain's snapshot.

use sqlx::{FromRow, Row};

use crate::order::{
    Basis, Claim, Currency, Entry, Fact, Id, Key, Kind, Known, Link, Money, Outcome, Snapshot, UnixMicros,
};

use super::StoreError;

/// A row of a load; its first column, the tag, says what the others mean.
type LoadRow<'r> = (
    i32,                // tag: 1 known event, 2 payment with an entry or none, 3 order
    Option<&'r str>,    // id of the event or order; none of a payment without entries
    &'r str,            // source
    Option<&'r str>,    // payment
    Option<&'r str>,    // its link
    Option<&'r str>,    // its order
    Option<&'r str>,    // outcome or kind
    Option<&'r str>,    // reason or reference
    Option<i64>,        // version or amount
    Option<&'r str>,    // currency
    Option<bool>,       // cumulative
    Option<&'r str>,    // order that the entry claims
    Option<i16>,        // rank of the claim
    Option<UnixMicros>, // received_at or occurred_at
    Option<&'r [u8]>,   // digest of the facts
    Option<&'r [u8]>,   // digest of the body
);

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

fn unreadable((tag, id, source, payment, ..): LoadRow<'_>) -> StoreError {
    let name = |id: Option<&str>| format!("{source}/{}", id.unwrap_or_default());
    let row = match (tag, id) {
        (1, _) => format!("event {}", name(id)),
        (3, _) => format!("order {}", name(id)),
        (_, None) => format!("payment {}", name(payment)),
        (_, Some(_)) => format!("event {} or its payment {}", name(id), name(payment)),
    };
    StoreError::Blocked(format!(
        "{row} holds a value that this version cannot read; run the version that wrote it, or a newer one"
    ))
}

/// Rows mostly come by payment, so most of their ids are those of the row before.
#[derive(Default)]
struct Ids {
    source: Option<Id>,
    payment: Option<Id>,
    order: Option<Id>,
}

fn as_before(before: &mut Option<Id>, text: &str) -> Option<Id> {
    if before.as_ref().is_none_or(|id| id.as_str() != text) {
        *before = Some(id_of(text)?);
    }
    before.clone()
}

fn add(snapshot: &mut Snapshot, ids: &mut Ids, row: LoadRow<'_>) -> Option<()> {
    let (tag, id, source, payment, link, linked_order, word, text, number, ..) = row;
    let (.., currency, cumulative, claimed_order, rank, at, facts, body) = row;
    let source = as_before(&mut ids.source, source)?;
    match tag {
        1 => {
            let known = Known {
                outcome: Outcome::from_word(word?)?,
                reason: text.map(str::to_owned),
                facts_sha256: facts?.try_into().ok()?,
                body_sha256: body?.try_into().ok()?,
                received_at: at?,
            };
            snapshot.known.insert(Key { id: id_of(id?)?, source }, known);
        }
        2 => {
            let key = Key { id: as_before(&mut ids.payment, payment?)?, source };
            let order = as_before(&mut ids.order, linked_order?)?;
            if let Some(event) = id {
                let entry = Entry {
                    event: id_of(event)?,
                    occurred_at: at?,
                    account: None,
                    fact: fact(word, text, number, currency, cumulative)?,
                    claim: claim(claimed_order, rank)?,
                };
                snapshot.entries.entry(key.clone()).or_default().push(entry);
            }
            snapshot.links.insert(key, Link { order, provisional: link? == "provisional" });
        }
        3 => {
            snapshot.versions.insert(Key { id: id_of(id?)?, source }, number?);
        }
        _ => return None,
    }
    Some(())
}

/// `Some(None)`: the entry states no fact.
pub(super) fn fact(
    kind: Option<&str>,
    reference: Option<&str>,
    amount: Option<i64>,
    currency: Option<&str>,
    cumulative: Option<bool>,
) -> Option<Option<Fact>> {
    let Some(kind) = kind else { return Some(None) };
    Some(Some(Fact {
        kind: Kind::from_word(kind)?,
        reference: id_of(reference?)?,
        money: money(amount, currency)?,
        basis: if cumulative? { Basis::Total } else { Basis::Own },
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
