//! Assembly: store, locks, intake, sources and the two listeners, started together and ended in order.
//!
//! The end is ownership: the listeners stop accepting and answer what is in flight, the last handle of the intake is
//! dropped with them, the lanes drain, the leases are given back. All of it has [`SHUTDOWN_MAX`].

use std::collections::HashMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::config::Settings;
use crate::http::{self, Database, Health, Limits, LockService, Sources};
use crate::intake::Intake;
use crate::lock::{Attempt, Locks};
use crate::provider::Source;
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;

/// From the first signal to the end.
const SHUTDOWN_MAX: Duration = Duration::from_secs(10);
/// How often the database is checked for `/readyz`.
const CHECK_EVERY: Duration = Duration::from_secs(1);
/// The longest check before serving begins; a database that takes longer is away.
const FIRST_CHECK_MAX: Duration = Duration::from_secs(3);
/// Connections to the admin listener at once.
const ADMIN_CONNECTIONS_MAX: usize = 64;

/// Why the server did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A setting that only its module can judge.
    #[error("{setting}: {problem}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The database answers, but must not be used.
    #[error("{0}")]
    Unfit(String),
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {error}")]
    Bind {
        /// The setting that names it.
        setting: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// Metrics cannot be kept.
    #[error("cannot count: {0}")]
    Metrics(String),
    /// A part ended by itself, which none should.
    #[error("the {0} ended unexpectedly")]
    Ended(&'static str),
    /// The end took longer than [`SHUTDOWN_MAX`].
    #[error("work in flight did not end within {} s", SHUTDOWN_MAX.as_secs())]
    Overdue,
    /// A second signal came.
    #[error("ended by a second signal, with work in flight")]
    Cut,
}

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
    /// Opens the store and the locks, binds both ports, and looks at the database.
    ///
    /// A database that is away does not keep the server from starting: it answers 503 until the database is there.
    ///
    /// # Errors
    /// [`ServerError`], with nothing left running.
    pub async fn start(settings: Settings) -> Result<Self, ServerError> {
        let metrics = Metrics::start().map_err(|error| ServerError::Metrics(error.to_string()))?;
        let locks = Locks::new(&settings.lock)
            .map_err(|problem| ServerError::Setting { setting: "lock", problem })?;
        let store = open_store(&settings)?;
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
        Ok(Self { public, admin, store, locks, sources, health, metrics, settings })
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

    /// The database that it serves from, for looking at what was stored.
    #[must_use]
    pub fn store(&self) -> Store {
        self.store.clone()
    }

    /// The sources, for replacing them while they serve.
    #[must_use]
    pub fn sources(&self) -> Sources {
        self.sources.clone()
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
        tokio::select! {
            ended = timeout(SHUTDOWN_MAX, running.end()) => ended.map_err(|_| ServerError::Overdue),
            _ = signals.next() => Err(ServerError::Cut),
        }
    }

    fn spawn(self) -> Running {
        let stop = CancellationToken::new();
        let (intake, lanes) = Intake::start(&self.settings.intake, &self.locks, &self.store);
        let public = http::public(&self.settings.http, self.sources, intake, self.health.clone());
        let admin = http::admin(self.store.clone(), self.metrics.clone(), self.settings.admin_token);
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

/// The signals that end the process.
struct Signals {
    terminate: io::Result<tokio::signal::unix::Signal>,
    interrupt: io::Result<tokio::signal::unix::Signal>,
}

impl Signals {
    fn listen() -> Self {
        Self { terminate: signal(SignalKind::terminate()), interrupt: signal(SignalKind::interrupt()) }
    }

    /// The next one's name. A signal that cannot be listened for never comes.
    async fn next(&mut self) -> &'static str {
        async fn next(signal: &mut io::Result<tokio::signal::unix::Signal>) {
            match signal {
                Ok(signal) => drop(signal.recv().await),
                Err(_) => std::future::pending().await,
            }
        }
        tokio::select! {
            () = next(&mut self.terminate) => "SIGTERM",
            () = next(&mut self.interrupt) => "SIGINT",
        }
    }
}

/// The sources as the listener looks them up.
#[must_use]
pub fn by_name(sources: &[Source]) -> HashMap<crate::order::Id, Source> {
    sources.iter().map(|source| (source.name().clone(), source.clone())).collect()
}

fn open_store(settings: &Settings) -> Result<Store, ServerError> {
    let missing = || ServerError::Setting { setting: "database_url", problem: "is not set".to_owned() };
    let store = settings.store.as_ref().ok_or_else(missing)?;
    Store::open(store)
        .map_err(|error| ServerError::Setting { setting: "database_url", problem: error.to_string() })
}

async fn bind(setting: &'static str, address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|error| ServerError::Bind { setting, address, error })
}

/// Keeps `/readyz` true to the database and the lock service. A database that turns out unfit before it was ever ready
/// ends the process, as it would have kept it from starting.
async fn keep_checking(store: Store, locks: Locks, health: Health) -> ServerError {
    let probe = [format!("check of {:016x}", rand::random::<u64>())];
    let mut ticks = interval(CHECK_EVERY);
    let mut was_ready = false;
    loop {
        ticks.tick().await;
        match store.check().await {
            Err(StoreError::Unfit(problem)) if !was_ready => return ServerError::Unfit(problem),
            found => was_ready |= note_database(&health, found),
        }
        note_lock_service(&health, locks.acquire_each(&probe).await).await;
    }
}

/// Tells whether the database is ready, and logs what changed.
fn note_database(health: &Health, found: Result<(), StoreError>) -> bool {
    match found {
        Ok(()) => {
            if health.database(Database::Ready) {
                info!("the database is ready");
            }
            return true;
        }
        Err(StoreError::Unfit(problem)) => {
            if health.database(Database::Unfit) {
                error!(problem, "the database must not be used");
            }
        }
        Err(error @ (StoreError::Unavailable(_) | StoreError::Raced(_) | StoreError::Refused { .. })) => {
            if health.database(Database::Away) {
                warn!(%error, "the database is away");
            }
        }
    }
    false
}

/// The locks log their own outages.
async fn note_lock_service(health: &Health, attempt: Attempt) {
    match attempt {
        Attempt::Acquired { lease, .. } => {
            health.lock_service(LockService::Ready);
            lease.release().await;
        }
        Attempt::Unavailable => {
            health.lock_service(LockService::Unavailable);
        }
    }
}
