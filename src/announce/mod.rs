//! The relay: tells the merchant's endpoints which orders changed, as signed webhooks or as entries of a stream.
//!
//! ```text
//! own    by a lease in the database; whoever does not own an endpoint waits
//!   page    what the log has, what waits and is due: read at once, as the orders are then
//!     send    one request for each order at a time, in_flight_max in all; signed
//!   note    how far the cursor goes, and which orders wait: one statement, after the answers
//! ```
//!
//! An endpoint is one row with a cursor. Only an order that it refused while it took others has a row of its own, so one order
//! holds up no other, and an endpoint that is away costs nothing. Whatever ends between the answers and the note is told again.

mod breaker;
mod delivery;
mod endpoint_task;
mod in_flight;
mod kept;
mod message;
mod pace;
mod progress;
mod schedule;
mod sink;
#[cfg(test)]
mod tests;
mod types;
mod verdict;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderMap;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::delivery::DeliveryContext;
use self::endpoint_task::EndpointTask;
use self::message::Message;
pub use self::types::Types;
use self::verdict::Verdict;
use crate::http_client::Tls;
use crate::network::Network;
use crate::order::UnixMicros;
use crate::secret::Secret;
use crate::store::Store;

/// An endpoint of the settings.
#[derive(Debug, Clone)]
pub struct EndpointSettings {
    /// Its name, and its key in the database.
    pub name: String,
    /// Where it is told; a broker's URL has a password in it.
    pub url: Secret,
    /// They all sign, the first one first. Streams are not signed.
    pub secrets: Vec<Secret>,
    /// What it wants to be told.
    pub types: Types,
    /// Requests at once, or pipelines.
    pub in_flight_max: usize,
    /// Orders of one request.
    pub batch_max: usize,
    /// Orders a second; 0 for no limit.
    pub rate_max: u32,
    /// For everything, from connecting to the last byte of the answer.
    pub timeout: Duration,
    /// For a connection to open.
    pub connect_timeout: Duration,
    /// How long an order that it refuses waits before each further attempt.
    pub retries: Vec<Duration>,
    /// Addresses that may be reached whatever they are.
    pub allow: Vec<Network>,
    /// Sent with every request; their values are secrets.
    pub headers: HeaderMap,
    /// Whom to trust, and who we are.
    pub(crate) tls: Tls,
}

/// What all endpoints have in common.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// How often the log is looked at.
    pub poll: Duration,
    /// Entries of the log that are read at once.
    pub page_orders: u32,
    /// How long an order is held back that no event has named yet.
    pub provisional_after: Duration,
    /// How long an endpoint is owned without a word.
    pub lease: Duration,
    /// An endpoint that lags by more is an alarm.
    pub lag_alarm: Duration,
    /// The endpoints.
    pub endpoints: Vec<EndpointSettings>,
}

/// The relay of a process: a task for each endpoint. Other processes have one each, too. Cheap to clone.
#[derive(Clone)]
pub struct Relay {
    context: DeliveryContext,
    endpoints: Arc<HashMap<String, watch::Sender<Arc<EndpointSettings>>>>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl EndpointSettings {
    /// Whether it can be told at all as it is set.
    ///
    /// # Errors
    /// Which of its settings is wrong, and why.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        sink::open(self).map(drop)
    }
}

impl Relay {
    /// A relay that tells nobody yet. `now` is this machine's clock.
    #[must_use]
    pub fn new(settings: &RelaySettings, store: &Store, now: fn() -> UnixMicros) -> Self {
        let context = DeliveryContext {
            store: store.clone(),
            owner: format!("{:016x}", rand::random::<u64>()).into(),
            relay: Arc::new(RelaySettings { endpoints: Vec::new(), ..settings.clone() }),
            now,
        };
        let endpoints = settings.endpoints.iter();
        let endpoints =
            endpoints.map(|endpoint| (endpoint.name.clone(), watch::Sender::new(Arc::new(endpoint.clone()))));
        let endpoints = Arc::new(endpoints.collect());
        Self { context, endpoints, tasks: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Starts a task for each endpoint, on the present runtime.
    pub fn start(&self) {
        for endpoint in self.endpoints.values() {
            let teller = EndpointTask::new(self.context.clone(), endpoint.subscribe());
            self.tasks.spawn(teller.run(self.stop.clone()));
        }
        self.tasks.close();
    }

    /// Takes secrets, certificates and limits that were read again. Which endpoints there are is taken at the next start.
    pub fn replace(&self, endpoints: &[EndpointSettings]) {
        for endpoint in endpoints {
            if let Some(sender) = self.endpoints.get(&endpoint.name) {
                sender.send_replace(Arc::new(endpoint.clone()));
            }
        }
    }

    /// Awaits the answers of what is in flight, for a moment, keeps what was told, and lets others own the endpoints.
    pub async fn end(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl fmt::Debug for Relay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Relay").field("endpoints", &self.endpoints.keys()).finish_non_exhaustive()
    }
}

/// Tells an endpoint `endpoint.test`, by the same way and the same checks as everything else; what it answered, and whether
/// that means that it took it.
pub async fn test(endpoint: &EndpointSettings, now: UnixMicros) -> (bool, String) {
    let sink = match sink::open(endpoint) {
        Ok(sink) => sink,
        Err((field, problem)) => return (false, format!("{field} {problem}")),
    };
    let message = match Message::test(&endpoint.name, now) {
        Ok(message) => message,
        Err(problem) => return (false, format!("its name {problem}")),
    };
    let answer = sink.send(&[message], now).await;
    (verdict::judge(&answer) == Verdict::Told, answer.told())
}
