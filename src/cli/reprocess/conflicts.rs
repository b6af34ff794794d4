//! Bodies in conflict with a stored event: where both say the same by today's definitions, none is left.

use super::super::failure::Failure;
use super::{Reprocess, source_of};
use crate::config::Settings;
use crate::order::Key;
use crate::store::{By, Conflict, Store};

/// Why such a conflict is settled, unless who settles it says why.
const NOTE: &str = "says the same by today's definition";

/// Settles the chosen ones that are none any more; tells how many. Without anybody who acts they are only counted.
pub(super) async fn settle(
    settings: &Settings,
    store: &Store,
    (reprocess, by): (&Reprocess, Option<&By>),
) -> Result<u64, Failure> {
    let by = by.map(|by| by.clone().or_note(NOTE));
    let mut settled = 0;
    let mut next = store.next_conflict(None).await?;
    while let Some(conflict) = next {
        if is_chosen(reprocess, &conflict.key) && says_the_same(settings, store, &conflict).await? {
            settled += 1;
            if let Some(by) = &by {
                store.acknowledge_event(&conflict.key, Some(&conflict.body_sha256), by).await?;
            }
        }
        next = store.next_conflict(Some(&conflict)).await?;
    }
    Ok(settled)
}

fn is_chosen(reprocess: &Reprocess, event: &Key) -> bool {
    let which = &reprocess.which;
    let is_listed = which.ids.iter().any(|id| id == event.id.as_str());
    let is_of_source = reprocess.source.as_deref().is_none_or(|source| source == event.source.as_str());
    (which.all || which.applied || is_listed) && is_of_source
}

async fn says_the_same(settings: &Settings, store: &Store, conflict: &Conflict) -> Result<bool, Failure> {
    let key = &conflict.key;
    let stored = store.stored_event(key).await?;
    let (Some(source), Some(stored)) = (source_of(settings, key), stored) else { return Ok(false) };
    let (Some(stands), Some(came)) = (&stored.payload, &conflict.payload) else { return Ok(false) };
    let stands = source.reread(&stored.headers, stands, stored.received_at);
    let came = source.reread(&conflict.headers, came, conflict.received_at);
    Ok(stands.key() == came.key() && stands.facts_sha256() == came.facts_sha256())
}
