//! The task of one endpoint: takes ownership of it in the database, runs its delivery while it owns it, and tries again after
//! the database failed.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::EndpointSettings;
use super::delivery::{Delivery, DeliveryContext, Ended};

/// How long the answers of what is in flight are awaited at the end.
const LAST_ANSWERS_MAX: Duration = Duration::from_secs(3);
/// How long it may take then to keep what they brought.
const LAST_NOTE_MAX: Duration = Duration::from_secs(2);

/// The task of one endpoint.
#[derive(Debug)]
pub(super) struct EndpointTask {
    context: DeliveryContext,
    settings: watch::Receiver<Arc<EndpointSettings>>,
}

impl EndpointTask {
    pub(super) fn new(context: DeliveryContext, settings: watch::Receiver<Arc<EndpointSettings>>) -> Self {
        Self { context, settings }
    }

    /// Owns the endpoint whenever it may, and tells it, until `stop`.
    pub(super) async fn run(self, stop: CancellationToken) {
        let name = self.settings.borrow().name.clone();
        let mut was_failing = false;
        while !stop.is_cancelled() {
            let pause = match self.own_and_tell(&name, &stop, &mut was_failing).await {
                Ended::Stopped => return,
                Ended::Lost => Duration::ZERO,
                Ended::Anothers => self.context.asks_every(),
                Ended::Failed(error) => {
                    if std::mem::replace(&mut was_failing, true) {
                        debug!(endpoint = name, %error, "the endpoint is not told of changes: the database still fails");
                    } else {
                        warn!(endpoint = name, %error, "the endpoint is not told of changes until the database answers");
                    }
                    self.context.asks_every()
                }
            };
            tokio::select! {
                () = sleep(pause) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    async fn own_and_tell(&self, name: &str, stop: &CancellationToken, was_failing: &mut bool) -> Ended {
        let DeliveryContext { store, owner, relay, .. } = &self.context;
        let asked_at = Instant::now();
        let owned = match store.own_endpoint(name, owner, relay.lease).await {
            Ok(Some(owned)) => owned,
            Ok(None) => return Ended::Anothers,
            Err(error) => return Ended::Failed(error),
        };
        debug!(endpoint = name, term = owned.term, "this process owns the endpoint");
        let mut delivery = Delivery::new(&self.context, &self.settings, owned, asked_at + relay.lease);
        let ended = delivery.go_on(stop).await;
        if delivery.has_read() {
            *was_failing = false;
        }
        if let Ended::Stopped = ended {
            let until = Instant::now() + LAST_ANSWERS_MAX;
            let _ = timeout_at(until + LAST_NOTE_MAX, delivery.leave(until)).await;
        }
        ended
    }
}
