//! The three calls as one statement each, so each is a transaction of its own.
//!
//! They go out as plain text in a single message: behind a pooler in transaction mode a prepared statement and its
//! execution may meet different sessions. The data travels inside as hexadecimal JSON, which has no quote to escape.
//!
//! Rows are locked in the order of their keys: batches that overlap wait for each other and never deadlock.

use std::time::Duration;

use serde::Serialize;

use crate::lock::contract::{Hold, Verb};

/// Answers the keys for which it was done, and their fences.
pub(super) fn statement(verb: Verb, holds: &[Hold], ttl: Duration) -> Result<String, serde_json::Error> {
    let rows: Vec<Row<'_>> =
        holds.iter().map(|hold| Row { key: &hold.key, owner: hold.token.as_str() }).collect();
    let data = hex::encode(serde_json::to_vec(&rows)?);
    let asked = format!(
        "with asked as (select key, owner from \
         jsonb_to_recordset(convert_from(decode('{data}', 'hex'), 'UTF8')::jsonb) as asked (key text, owner text))"
    );
    let until = format!("clock_timestamp() + {} * interval '1 millisecond'", ttl.as_millis());
    Ok(match verb {
        Verb::Acquire => format!(
            "{asked} \
             insert into lock_leases as lease (key, owner, until, fence) \
             select key, owner, {until}, (extract(epoch from clock_timestamp()) * 1000000)::bigint \
             from asked order by key collate \"C\" \
             on conflict (key) do update set owner = excluded.owner, until = excluded.until, \
                 fence = greatest(excluded.fence, lease.fence + 1) \
             where lease.until <= clock_timestamp() or lease.owner = excluded.owner \
             returning key, fence"
        ),
        Verb::Extend => format!(
            "{asked}, {OURS} update lock_leases lease set until = {until} from ours where lease.key = ours.key \
             returning lease.key, lease.fence"
        ),
        Verb::Release => format!(
            "{asked}, {OURS} delete from lock_leases lease using ours where lease.key = ours.key \
             returning lease.key, lease.fence"
        ),
    })
}

/// What is still ours of what was asked, locked in the order of the keys.
const OURS: &str = "ours as (select lease.key from lock_leases lease join asked using (key, owner) \
     where lease.until > clock_timestamp() order by lease.key for update of lease)";

#[derive(Serialize)]
struct Row<'a> {
    key: &'a str,
    owner: &'a str,
}

/// What is held now: key, token, milliseconds left.
pub(super) const HELD: &str = "select key, owner, (extract(epoch from until - clock_timestamp()) * 1000)::bigint \
     from lock_leases where until > clock_timestamp() order by key limit 10000";

/// The server's clock in microseconds.
pub(super) const CLOCK: &str = "select (extract(epoch from clock_timestamp()) * 1000000)::bigint";

/// Removes what holders who vanished left behind, where nobody is working on it.
pub(super) const SWEEP: &str = "delete from lock_leases where key in \
     (select key from lock_leases where until < clock_timestamp() - interval '1 minute' \
      order by key limit 1000 for update skip locked)";
