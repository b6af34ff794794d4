//! From the rows of a load to the domain's snapshot.

use crate::order::{
    Claim, Currency, Entry, Fact, Id, Key, Kind, Known, Link, Money, Outcome, Snapshot, UnixMicros,
};

use super::StoreError;

/// A row of a load; its first column, the tag, says what the others mean.
pub(super) type LoadRow = (
    i32,                // tag: 1 known event, 2 payment, 3 order, 4 entry
    String,             // id of the event, payment or order
    String,             // source
    Option<String>,     // payment of an entry
    Option<String>,     // outcome, link or kind
    Option<String>,     // reason or reference
    Option<i64>,        // version or amount
    Option<String>,     // currency
    Option<bool>,       // cumulative
    Option<String>,     // order of a payment, or claimed by an entry
    Option<i16>,        // rank of the claim
    Option<UnixMicros>, // received_at or occurred_at
    Option<Vec<u8>>,    // digest of the facts
    Option<Vec<u8>>,    // digest of the body
);

/// Sorts the rows of one load into a snapshot.
pub(super) fn assemble(rows: Vec<LoadRow>) -> Result<Snapshot, StoreError> {
    let mut snapshot = Snapshot::default();
    for row in rows {
        let (table, name) = (table(row.0), format!("{}/{}", row.2, row.1));
        add(&mut snapshot, row)
            .ok_or_else(|| StoreError::Unfit(format!("{table} {name} holds a value that this version cannot read; run the version that wrote it, or a newer one")))?;
    }
    Ok(snapshot)
}

fn table(tag: i32) -> &'static str {
    match tag {
        2 => "payment",
        3 => "order",
        _ => "event",
    }
}

fn add(snapshot: &mut Snapshot, row: LoadRow) -> Option<()> {
    let (tag, id, source, payment, word, text, number, currency, cumulative, order, rank, at, facts, body) =
        row;
    let key = Key { id: id_of(&id)?, source: id_of(&source)? };
    match tag {
        1 => {
            let known = Known {
                outcome: Outcome::from_word(&word?)?,
                reason: text,
                facts_sha256: facts?.try_into().ok()?,
                body_sha256: body?.try_into().ok()?,
                received_at: at?,
            };
            snapshot.known.insert(key, known);
        }
        2 => {
            let link = Link { order: id_of(&order?)?, provisional: word? == "provisional" };
            snapshot.links.insert(key, link);
        }
        3 => {
            snapshot.versions.insert(key, number?);
        }
        4 => {
            let entry = Entry {
                event: key.id.clone(),
                occurred_at: at?,
                fact: fact(word.as_deref(), text.as_deref(), number, currency.as_deref(), cumulative)?,
                claim: claim(order.as_deref(), rank)?,
            };
            snapshot.entries.entry(key.sibling(&id_of(&payment?)?)).or_default().push(entry);
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
        money: Money { amount: amount?, currency: Currency::new(currency?)? },
        cumulative: cumulative?,
    }))
}

/// `Some(None)`: the entry names no order.
pub(super) fn claim(order: Option<&str>, rank: Option<i16>) -> Option<Option<Claim>> {
    let Some(order) = order else { return Some(None) };
    Some(Some(Claim { order: id_of(order)?, rank: rank? }))
}

fn id_of(text: &str) -> Option<Id> {
    Id::new(text).ok()
}
