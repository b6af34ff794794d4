//! What is done once a second beside the lanes: looks whether the database is still the same server, and writes the counted
//! duplicates. It ends with the lanes, and with a panic when one of them gives up.

use std::panic::resume_unwind;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::store::{Continuity, Session};

use super::Shared;
use super::milestones::Past;

const EVERY: Duration = Duration::from_secs(1);

/// Looks at the server and writes the tally until all lanes have drained, and writes once more then. A lane that gives up
/// takes this task with it.
pub(super) async fn keep(shared: &Shared, mut session: Session, mut lanes: JoinSet<()>) {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut past = Past::default();
    loop {
        tokio::select! {
            biased;
            ended = lanes.join_next() => match ended {
                None => break,
                Some(Ok(())) => {}
                Some(Err(failed)) => {
                    if let Ok(panic) = failed.try_into_panic() {
                        resume_unwind(panic);
                    }
                }
            },
            _ = tick.tick() => {
                past.keep(&shared.milestones);
                look_at_server(&mut session, &mut past).await;
                shared.tally.write(&mut session).await;
            }
        }
    }
    shared.tally.write(&mut session).await;
}

/// What the former server acknowledged last, the next one may not have: its events must be sent again, and nobody else tells.
async fn look_at_server(session: &mut Session, past: &mut Past) {
    match session.look_at_server().await {
        Ok(Continuity::Same) => return,
        Ok(Continuity::Other) => {}
        Err(error) => return tracing::debug!(%error, "cannot tell which server the database is"),
    }
    match past.missing_since(session).await {
        Ok(None) => tracing::info!(
            "the database is another server than before; it has every event that was acknowledged lately"
        ),
        Ok(Some(since)) => {
            metrics::gauge!("paylatch_events_missing_since_seconds").set(since.0 as f64 / 1e6);
            tracing::error!(
                since_unix_s = since.0.div_euclid(1_000_000),
                "the database is another server than before, and lacks acknowledged events: let the providers send \
                 again what they sent since"
            );
            *past = Past::default();
        }
        Err(error) => {
            tracing::warn!(%error, "the database is another server than before; whether it lacks events is unknown")
        }
    }
}
