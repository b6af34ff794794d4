//! Assembly: store, locks, intake, sources and the two listeners, started together and ended in order.
//!
//! The end is ownership: the listeners stop accepting and answer what is in flight, the last handle of the intake is
//! dropped with them, the lanes drain, the leases are given back. All of it has `SHUTDOWN_MAX`.

mod error;
mod signals;
pub mod supervisor;
mod watch;

use std::collections::HashMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::Settings;
use crate::http::{self, Database, Health, Limits, Sources, Witness};
use crate::intake::Intake;
use crate::lock::Locks;
use crate::provider::Source;
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;

pub use self::error::ServerError;
use self::signals::Signals;
use self::watch::keep_checking;

/// From the first signal to the end.
const SHUTDOWN_MAX: Duration = Duration::from_secs(10);
/// The longest check before serving begins; a database that takes longer is away.
const FIRST_CHECK_MAX: Duration = Duration::from_secs(3);
/// Connections to the admin listener at once.
const ADMIN_CONNECTIONS_MAX: usize = 64;

/// Everything that serves, bound to its ports.
#[derive(Debug)]
pub struct Server {
    public: TcpListener,
    admin: TcpListener,
    store: Store,
    locks: Locks,
    sources: Sources,
    health: Health,
    metrics: Metrics,
    settings: Settings,
    witness: Option<Witness>,
}

/// The running parts.
struct Running {
    public: JoinHandle<()>,
    admin: JoinHandle<()>,
    lanes: JoinHandle<()>,
    checks: JoinHandle<ServerError>,
    upkeep: JoinHandle<()>,
    locks: Locks,
    health: Health,
    stop: CancellationToken,
}

impl Server {
    /// Prepares the locks, binds both ports, and looks at the database.
    ///
    /// A database that is away does not keep the server from starting: it answers 503 until the database is there.
    ///
    /// # Errors
    /// [`ServerError`], with nothing left running.
    pub async fn start(settings: Settings, store: Store) -> Result<Self, ServerError> {
        let metrics = Metrics::start().map_err(|error| ServerError::Metrics(error.to_string()))?;
        let locks = Locks::new(&settings.lock)
            .map_err(|problem| ServerError::Setting { setting: "lock", problem })?;
        store.claim().map_err(|error| ServerError::Unfit(error.to_string()))?;
        let public = bind("listen", settings.listen).await?;
        let admin = bind("admin_listen", settings.admin_listen).await?;
        let health = Health::new();
        match timeout(FIRST_CHECK_MAX, store.check()).await {
            Ok(Err(StoreError::Unfit(problem))) => return Err(ServerError::Unfit(problem)),
            Ok(Err(error)) => {
                warn!(%error, "the database is away; webhooks are answered 503 until it is there")
            }
            Ok(Ok(())) => drop(health.database(Database::Ready)),
            Err(_) => warn!("the database does not answer; webhooks are answered 503 until it does"),
        }
        let sources = Sources::new(by_name(&settings.sources));
        Ok(Self { public, admin, store, locks, sources, health, metrics, settings, witness: None })
    }

    /// Where webhooks are taken, with the port that was given for port 0.
    #[must_use]
    pub fn public_address(&self) -> SocketAddr {
        self.public.local_addr().unwrap_or(self.settings.listen)
    }

    /// Where metrics and the API are, with the port that was given for port 0.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.local_addr().unwrap_or(self.settings.admin_listen)
    }

    /// The sources, for replacing them while they serve.
    #[must_use]
    pub fn sources(&self) -> Sources {
        self.sources.clone()
    }

    /// Lets `witness` see every answer to a provider.
    #[must_use]
    pub fn seen_by(self, witness: Witness) -> Self {
        Self { witness: Some(witness), ..self }
    }

    /// Serves until SIGTERM or SIGINT, or until `done`; then ends in order. A second signal ends it at once.
    ///
    /// # Errors
    /// [`ServerError`] when a part ended by itself, or the end was not orderly.
    pub async fn run(self, done: impl Future<Output = ()>) -> Result<(), ServerError> {
        let mut signals = Signals::listen();
        let mut running = self.spawn();
        tokio::select! {
            ended = running.any_end() => return Err(ended),
            name = signals.next() => info!(signal = name, "ending: no new webhooks are taken"),
            () = done => {}
        }
        supervisor::stopping();
        tokio::select! {
            ended = timeout(SHUTDOWN_MAX, running.end()) => ended.map_err(|_| ServerError::Overdue),
            _ = signals.next() => Err(ServerError::Cut),
        }
    }

    fn spawn(self) -> Running {
        let stop = CancellationToken::new();
        let (intake, lanes) = Intake::start(&self.settings.intake, &self.locks, &self.store);
        let health = self.health.clone();
        let public = http::public(&self.settings.http, self.sources, intake.clone(), health, self.witness);
        let admin = http::admin(self.store.clone(), intake, self.metrics.clone(), self.settings.admin_token);
        let public_limits = Limits { name: "public", connections_max: self.settings.http.connections_max };
        let admin_limits = Limits { name: "admin", connections_max: ADMIN_CONNECTIONS_MAX };
        Running {
            public: tokio::spawn(http::serve(self.public, public, public_limits, stop.clone())),
            admin: tokio::spawn(http::serve(self.admin, admin, admin_limits, stop.clone())),
            lanes,
            checks: tokio::spawn(keep_checking(self.store, self.locks.clone(), self.health.clone())),
            upkeep: tokio::spawn(self.metrics.keep()),
            locks: self.locks,
            health: self.health,
            stop,
        }
    }
}

impl Running {
    /// Waits for a part to end by itself.
    async fn any_end(&mut self) -> ServerError {
        tokio::select! {
            _ = &mut self.public => ServerError::Ended("public listener"),
            _ = &mut self.admin => ServerError::Ended("admin listener"),
            _ = &mut self.lanes => ServerError::Ended("intake"),
            _ = &mut self.upkeep => ServerError::Ended("metrics' upkeep"),
            ended = &mut self.checks => ended.unwrap_or(ServerError::Ended("health check")),
        }
    }

    /// Ends every part, in the order of the webhooks' way through them.
    async fn end(self) {
        self.health.draining();
        self.stop.cancel();
        let (public, admin) = tokio::join!(self.public, self.admin);
        let lanes = self.lanes.await;
        self.checks.abort();
        self.upkeep.abort();
        self.locks.drain().await;
        for (part, ended) in [("public listener", public), ("admin listener", admin), ("intake", lanes)] {
            if let Err(failure) = ended {
                error!(part, %failure, "a part failed while ending");
            }
        }
    }
}

/// The sources as the listener looks them up.
#[must_use]
pub fn by_name(sources: &[Source]) -> HashMap<crate::order::Id, Source> {
    sources.iter().map(|source| (source.name().clone(), source.clone())).collect()
}

async fn bind(setting: &'static str, address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|error| ServerError::Bind { setting, address, error })
}
