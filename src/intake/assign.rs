//! A person says which order a payment belongs to: by an event of our own, so that the rows stay a function of the events.
//!
//! Like a stored event that is read again, it goes past the lanes and works beside them.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::replace::{ATTEMPTS_MAX, RETRY, load_all_that_is_claimed};
use crate::order::{
    ASSIGNED_RANK, ASSIGNED_TYPE, About, Claim, Event, Evidence, Id, Key, Link, Statement, UnixMicros, decide,
};
use crate::store::{Action, ActionKind, By, Session, StoreError, Wanted};

/// What a person says.
#[derive(Debug, Clone)]
pub struct Assignment {
    /// The payment.
    pub payment: Key,
    /// The order that it belongs to. The payment's own id undoes what was assigned before.
    pub order: Id,
}

/// Stores the assignment that somebody makes, and answers its event and the link that the payment has now; `None` when there
/// is no such payment.
///
/// # Errors
/// [`StoreError`]; [`StoreError::Stale`] when its orders are written faster than it can be stored.
pub async fn assign(
    session: &mut Session,
    assignment: &Assignment,
    by: &By,
) -> Result<Option<(Id, Link)>, StoreError> {
    let id = new_id()?;
    for _ in 0..ATTEMPTS_MAX {
        match attempt(session, assignment, &id, by).await {
            Err(StoreError::Stale(_)) => sleep(RETRY.wait(0)).await,
            other => return other,
        }
    }
    Err(StoreError::Stale(format!(
        "payment {} is written faster than it can be assigned",
        assignment.payment
    )))
}

async fn attempt(
    session: &mut Session,
    assignment: &Assignment,
    id: &Id,
    by: &By,
) -> Result<Option<(Id, Link)>, StoreError> {
    let payment = &assignment.payment;
    let wanted = Wanted {
        events: Vec::new(),
        payments: vec![payment.clone()],
        orders: vec![payment.clone(), payment.sibling(&assignment.order)],
        order_events_max: None,
    };
    // An assignment that is undone makes way for what the provider's events name.
    let snapshot = load_all_that_is_claimed(session, wanted, Some(payment)).await?;
    let Some(entries) = snapshot.entries.get(payment) else { return Ok(None) };
    // The clocks of those who assign may differ; who comes last is to hold.
    let last = entries
        .iter()
        .filter(|entry| entry.claim.as_ref().is_some_and(|claim| claim.rank == ASSIGNED_RANK))
        .map(|entry| UnixMicros(entry.occurred_at.0 + 1))
        .max();
    let event = event(assignment, id, by.at().max(last.unwrap_or_default()), by);
    let before = snapshot.links.get(payment).map(shown);
    let mut told = entries.clone();
    told.extend(crate::order::Entry::of(&event));
    let link = Link::learned(&payment.id, &told);
    let after = Some(shown(&link));
    let (_, changes) = decide(snapshot, &[&event]);
    let (kind, source, target) =
        (ActionKind::AssignPayment, Some(payment.source.clone()), payment.id.to_string());
    session.save_for(&changes, (by, &Action { kind, source, target, before, after })).await?;
    Ok(Some((id.clone(), link)))
}

fn shown(link: &Link) -> Value {
    json!({ "order": link.order.as_str(), "link": link.standing.as_str() })
}

fn event(Assignment { payment, order }: &Assignment, id: &Id, occurred_at: UnixMicros, by: &By) -> Event {
    let (received_at, note, by) = (by.at(), by.note().unwrap_or_default(), by.actor());
    let body = json!({ "id": id.as_str(), "type": ASSIGNED_TYPE, "payment": payment.id.as_str(), "order": order.as_str(), "note": note, "by": by });
    let body = bytes::Bytes::from(body.to_string());
    let evidence = Evidence {
        body_sha256: Sha256::digest(&body).into(),
        body,
        headers: "{}".to_owned(),
        received_at,
        read_by: None,
    };
    let about = About { payment: Some(payment.id.clone()), account: None };
    let statement = Statement::Noted(format!("assigned by {by}: {note}"));
    let claim = Claim { order: order.clone(), rank: ASSIGNED_RANK };
    let said = (ASSIGNED_TYPE.to_owned(), occurred_at);
    Event::new(payment.sibling(id), said, about, statement, Some(claim), evidence)
}

fn new_id() -> Result<Id, StoreError> {
    let text = format!("assign_{:032x}", rand::random::<u128>());
    Id::new(&text).map_err(|error| StoreError::Blocked(format!("{text} {error}")))
}
