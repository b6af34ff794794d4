//! Postgres and SQLite: load, save, inspect. The only module that knows SQL; it decides nothing.

#[macro_use]
mod either;
#[macro_use]
mod from_row;

mod actions;
mod announce;
mod applied;
mod bodies;
mod coupons;
mod epoch;
mod error;
mod expectations;
mod inspect;
mod migration;
mod postgres;
mod reconcile;
mod replace;
mod save_for;
mod session;
#[cfg(test)]
mod simulated;
mod snapshot;
mod sqlite;
#[cfg(test)]
mod tests;
mod timestamp;
mod type_arrivals;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::timeout;

use crate::order::{Event, Key};
use crate::secret::Secret;

pub use actions::{Action, ActionKind, By, Role};
pub use announce::{
    Announced, AnnouncedOrder, AnnouncedSettlement, Announcement, Announcements, Ask, EndpointRow, Note,
    OwnedEndpoint, Page, Resync, Subject, ToTell, Told, Wait, WaitFilter, WaitReason, WaitRow, Waiting,
};
pub use applied::Schema;
pub use coupons::CouponRow;
pub use epoch::{Continuity, Epoch, Epochs};
pub use error::StoreError;
pub use expectations::{ExpectationRow, LedgerCount, OrderSettlement, SettlementFilter, SettlementRow};
pub use inspect::{
    AcknowledgementRow, ActionRow, AnomalyFilter, AnomalyRow, ArrivalCursor, Audit, CommonPayments, Conflict,
    ConflictRow, Counts, DIFFERENCES_MAX, Difference, EventAcknowledgementRow, EventFilter, EventRow,
    FAILURES_MAX, FailureCause, Found, LOOKED_AT_MAX, List, OF_A_KIND_MAX, OpenAnomaly, OrderFilter,
    OrderRow, PaymentRow, PlacedEvent, Purged, ROWS_MAX, Recent, RecentFilter, SettledCause, StoredEvent,
    UNCLAIMED_AFTER, UnmappedType, WaitingCount, WaitingLimits, WaitingSince, WaitsFor,
};
pub use reconcile::{
    Compared, FindingFilter, FindingRow, ROWS_AT_ONCE, ReportFile, ReportRead, RowsAdded, Window,
    unknown_types,
};
pub use session::Session;
#[cfg(test)]
pub(crate) use simulated::{Faults, Simulated};
#[cfg(test)]
pub(crate) use tests::fresh_database;
pub use type_arrivals::TypeArrival;

const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// Where the data is.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// `postgres://..` or `sqlite://path`.
    pub url: Secret,
    /// The schema of our tables in Postgres, which `migrate` makes; without one, where the role's search path leads.
    pub schema: Option<String>,
    /// The longest that one statement may take, client-side.
    pub call_timeout: Duration,
}

impl StoreSettings {
    /// What holds unless something else is said.
    #[must_use]
    pub fn new(url: Secret) -> Self {
        Self { url, call_timeout: Duration::from_secs(2), schema: None }
    }
}

/// The database. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    database: Database,
    call_timeout: Duration,
    epochs: Epochs,
    /// Woken when a session has saved: who tells of changes looks at once.
    saved: Arc<Notify>,
    /// What sessions reach instead of the database.
    #[cfg(test)]
    simulated: Option<Simulated>,
}

#[derive(Debug, Clone)]
enum Database {
    Postgres(Box<postgres::Postgres>),
    Sqlite(Box<sqlite::Sqlite>),
}

/// What a batch needs to see.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// The batch's events.
    pub events: Vec<Key>,
    /// Their payments.
    pub payments: Vec<Key>,
    /// The orders that their claims name, and the payment's id (its provisional order) of events that claim none. An order
    /// that a stored payment belongs to is found by the payment.
    pub orders: Vec<Key>,
    /// Of an order with so many entries or more none is loaded; it is only told that it is so large. `None`: no order is.
    pub order_events_max: Option<u32>,
}

impl Wanted {
    /// What `events` need, each key once, sorted.
    #[must_use]
    pub fn of(events: &[&Event]) -> Self {
        let payments: BTreeSet<Key> = events.iter().filter_map(|event| event.payment_key()).collect();
        let orders: BTreeSet<Key> = events.iter().filter_map(|event| event.order_key()).collect();
        let events: BTreeSet<&Key> = events.iter().map(|event| event.key()).collect();
        Self {
            events: events.into_iter().cloned().collect(),
            payments: payments.into_iter().collect(),
            orders: orders.into_iter().collect(),
            order_events_max: None,
        }
    }
}

impl Store {
    /// Reads the URL; connects when first used.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`] when the URL is none.
    pub fn open(settings: &StoreSettings) -> Result<Self, StoreError> {
        let url = settings.url.expose();
        let epochs = Epochs::default();
        let database = match url.split_once(':') {
            Some(("postgres" | "postgresql", _)) => {
                let schema = settings.schema.as_deref();
                let own = postgres::Postgres::open(url, schema, settings.call_timeout, &epochs)?;
                Database::Postgres(Box::new(own))
            }
            Some(("sqlite", path)) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                Database::Sqlite(Box::new(sqlite::Sqlite::open(path, settings.call_timeout)?))
            }
            Some(_) | None => return Err(bad_url("its scheme is neither postgres nor sqlite")),
        };
        Ok(Self {
            database,
            call_timeout: settings.call_timeout,
            epochs,
            saved: Arc::default(),
            #[cfg(test)]
            simulated: None,
        })
    }

    /// Applies the migrations that are missing; says which. Safe from several replicas at once.
    ///
    /// # Errors
    /// When the database is away, or an applied migration was edited.
    pub async fn migrate(&self) -> Result<Vec<String>, StoreError> {
        self.migrate_by(None).await
    }

    /// The same for somebody; in a database that was in use it is kept who did it.
    ///
    /// # Errors
    /// The same.
    pub async fn migrate_by(&self, by: Option<&By>) -> Result<Vec<String>, StoreError> {
        match &self.database {
            Database::Postgres(own) => own.migrate(by).await,
            Database::Sqlite(own) => own.migrate(by).await,
        }
    }

    /// Makes a connection, to say why there is none: who waits for one of a pool only learns that there was none in time.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with the address that does not answer.
    pub async fn reach(&self) -> Result<(), StoreError> {
        match &self.database {
            Database::Postgres(own) => within(CHECK_TIMEOUT, own.reach()).await,
            Database::Sqlite(own) => own.reach().await,
        }
    }

    /// Checks that the schema is current, every backstop constraint exists and is valid, and commits are durable.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`] naming what is wrong and the way out; [`StoreError::Unavailable`].
    pub async fn check(&self) -> Result<Schema, StoreError> {
        let work = async {
            match &self.database {
                Database::Postgres(own) => own.check().await,
                Database::Sqlite(own) => own.check().await,
            }
        };
        let checked = within(CHECK_TIMEOUT, work).await;
        if matches!(checked, Err(StoreError::Unavailable(_) | StoreError::Unknown(_))) {
            self.epochs.end();
        }
        checked
    }

    /// The stretches of time over which this process may remember what is stored.
    #[must_use]
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// Whether commits wait for a standby: if not, a failover may lose what was acknowledged last. `None` where there are none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waits_for_a_standby(&self) -> Result<Option<bool>, StoreError> {
        let Database::Postgres(own) = &self.database else { return Ok(None) };
        within(CHECK_TIMEOUT, own.waits_for_a_standby()).await.map(Some)
    }

    /// What the clock of the database's server shows, since the Unix epoch, in microseconds; `None` where it is this
    /// machine's.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clock(&self) -> Result<Option<Duration>, StoreError> {
        let Database::Postgres(own) = &self.database else { return Ok(None) };
        within(CHECK_TIMEOUT, own.clock()).await.map(Some)
    }

    /// Makes this process the only one that serves from a SQLite file, until the last clone of the store is dropped.
    /// Postgres serves any number. A session claims too, when it first connects.
    ///
    /// # Errors
    /// [`StoreError::Misconfigured`] naming the file when another process serves from it.
    pub fn claim(&self) -> Result<(), StoreError> {
        match &self.database {
            Database::Postgres(_) => Ok(()),
            Database::Sqlite(own) => own.claim(),
        }
    }

    /// Ends when a session of this process has saved something, from the call on.
    pub fn saved(&self) -> Notified<'_> {
        self.saved.notified()
    }

    /// A session for a lane.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self)
    }

    /// A store whose sessions reach a simulated database; it has nothing to inspect.
    #[cfg(test)]
    pub(crate) fn simulated(simulated: &Simulated) -> Self {
        let url = Secret::new("postgres://canary.invalid/none");
        let store = Self::open(&StoreSettings::new(url)).unwrap();
        Self { simulated: Some(simulated.clone()), ..store }
    }

    /// How many lanes this database serves at once: SQLite has one writer.
    #[must_use]
    pub fn lanes_max(&self) -> usize {
        match &self.database {
            Database::Postgres(_) => usize::MAX,
            Database::Sqlite(_) => 1,
        }
    }
}

/// Runs a call against its deadline. Whoever holds a connection in it must not use that again after a refusal.
async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    timeout(limit, call)
        .await
        .unwrap_or_else(|_| Err(StoreError::Unknown(format!("none within {} ms", limit.as_millis()))))
}

/// Never shows the URL: it may hold a password.
fn bad_url(why: &str) -> StoreError {
    StoreError::Misconfigured(format!(
        "database_url: {why}; expected postgres://user:password@host:port/database or sqlite://path/to/file"
    ))
}
