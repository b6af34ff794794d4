//! Assembly: store, locks, intake, sources and the two listeners, started together and ended in order.
//!
//! The end is ownership: the listeners stop accepting and answer what is in flight, the last handle of the intake is
//! dropped with them, the lanes drain, the leases are given back. All of it has `SHUTDOWN_MAX`.

mod change_log;
mod embedded;
mod endpoints;
mod error;
mod findings;
mod lanes;
mod limits;
mod reload;
mod seen_labels;
mod settlements;
mod signals;
mod silence;
pub mod supervisor;
mod type_arrivals;
mod upkeep;
mod waiting;
mod watch;

use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::announce::Relay;
use crate::config::Settings;
use crate::http::{
    self, AnswerObserver, AttentionCount, Database, Health, ListenerOptions, Rejections, Sources, Streams,
};
use crate::intake::Intake;
use crate::lock::Locks;
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;

pub use self::embedded::{Paylatch, StartError};
pub use self::error::ServerError;
use self::lanes::LaneRuntime;
use self::limits::limits;
pub use self::reload::ReloadHandle;
pub(crate) use self::reload::by_name;
use self::signals::Signals;
use self::upkeep::keep_up;
use self::watch::keep_checking;

/// From the first signal to the end, beside `http.drain_ms`.
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
    lane_runtime: LaneRuntime,
    settings: Settings,
    observer: AnswerObserver,
    relay: Relay,
}

/// The running parts.
struct Running {
    public: JoinHandle<()>,
    admin: JoinHandle<()>,
    lanes: JoinHandle<()>,
    checks: JoinHandle<ServerError>,
    upkeep: JoinHandle<()>,
    relay: Relay,
    locks: Locks,
    health: Health,
    drain: Duration,
    draining: CancellationToken,
    stop: CancellationToken,
    _lane_runtime: LaneRuntime,
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
        metrics::gauge!("paylatch_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let locks = Locks::new(&settings.lock)
            .map_err(|problem| ServerError::Setting { setting: "lock", problem })?;
        let lane_runtime = LaneRuntime::start().map_err(ServerError::Threads)?;
        store.claim().map_err(|error| ServerError::Unfit(error.to_string()))?;
        let public = bind("listen", settings.listen).await?;
        let admin = bind("admin_listen", settings.admin_listen).await?;
        let health = Health::new();
        first_check(&store, &health).await?;
        let sources = Sources::new(by_name(&settings.sources));
        let relay = Relay::new(&settings.relay, &store, http::received_now);
        Ok(Self {
            public,
            admin,
            store,
            locks,
            sources,
            health,
            metrics,
            lane_runtime,
            settings,
            observer: AnswerObserver::new(),
            relay,
        })
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

    /// What is replaced while it serves.
    #[must_use]
    pub fn reload_handle(&self) -> ReloadHandle {
        let (sources, tls) = (self.sources.clone(), self.settings.http.tls.clone());
        ReloadHandle::new(sources, tls, self.relay.clone())
    }

    /// Sees every answer to a provider.
    #[must_use]
    pub fn observer(&self) -> AnswerObserver {
        self.observer.clone()
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
            name = signals.next() => info!(signal = name, "told to end"),
            () = done => {}
        }
        supervisor::stopping();
        tokio::select! {
            () = running.drain() => {}
            _ = signals.next() => return Err(ServerError::Cut),
        }
        tokio::select! {
            ended = timeout(SHUTDOWN_MAX, running.end()) => ended.map_err(|_| ServerError::Overdue),
            _ = signals.next() => Err(ServerError::Cut),
        }
    }

    fn spawn(self) -> Running {
        let (stop, attention) = (CancellationToken::new(), AttentionCount::default());
        let ((intake, lanes), checks) = {
            let _beside_the_lanes = self.lane_runtime.enter();
            let checks = {
                let (locks, sources) = (self.locks.clone(), self.sources.clone());
                let (health, waiting) = (self.health.clone(), self.settings.waiting);
                keep_checking(self.store.clone(), locks, health, sources, waiting, attention.clone())
            };
            let reader = self.sources.reader();
            let intake = Intake::start(&self.settings.intake, &self.locks, &self.store, reader);
            (intake, tokio::spawn(checks))
        };
        let health = self.health.clone();
        let draining = CancellationToken::new();
        let streams = Streams::new(self.observer.clone(), draining.clone());
        let (sources, rejections) = (self.sources.clone(), Rejections::default());
        let limits = limits(&self.settings);
        let (http, noted) = (&self.settings.http, rejections.clone());
        let public = http::public(http, self.sources, intake.clone(), health, self.observer, noted);
        let announce = self.settings.announce;
        let admin = http::admin(http::Admin {
            store: self.store.clone(),
            intake,
            metrics: self.metrics.clone(),
            settings: self.settings.admin,
            announce: announce.clone(),
            streams,
            sources: sources.clone(),
            health: self.health.clone(),
            locks: self.locks.clone(),
            rejections,
            limits,
            waiting: self.settings.waiting,
            attention,
        });
        let settings = self.settings.http;
        let public_options = ListenerOptions {
            connections_per_peer_max: settings.connections_per_peer_max,
            idle_max: settings.idle,
            trusted_proxies: settings.trusted_proxies,
            tls: settings.tls,
            draining: draining.clone(),
            ..ListenerOptions::new("public", settings.connections_max)
        };
        let admin_options = ListenerOptions::new("admin", ADMIN_CONNECTIONS_MAX);
        self.relay.start();
        Running {
            public: tokio::spawn(http::serve(self.public, public, public_options, stop.clone())),
            admin: tokio::spawn(http::serve(self.admin, admin, admin_options, stop.clone())),
            lanes,
            checks,
            upkeep: tokio::spawn(keep_up(self.metrics, self.store, sources, announce)),
            relay: self.relay,
            locks: self.locks,
            health: self.health,
            drain: settings.drain,
            draining,
            stop,
            _lane_runtime: self.lane_runtime,
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

    /// Goes on for a while, so that whoever routes webhooks here sees that it should not: `/readyz` says so, and each answer
    /// is the last of its connection.
    async fn drain(&self) {
        self.health.draining();
        self.draining.cancel();
        if !self.drain.is_zero() {
            info!(drain_ms = self.drain.as_millis(), "draining: webhooks are still taken, /readyz says 503");
            sleep(self.drain).await;
        }
        info!("ending: no new webhooks are taken");
    }

    /// Ends every part, in the order of the webhooks' way through them.
    async fn end(self) {
        self.stop.cancel();
        let (public, admin, ()) = tokio::join!(self.public, self.admin, self.relay.end());
        let lanes = self.lanes.await;
        self.checks.abort();
        self.upkeep.abort();
        self.locks.drain().await;
        for (part, ended) in [("public listener", public), ("admin listener", admin), ("intake", lanes)] {
            if let Err(failure) = ended {
                error!(part, %failure, "a part of the server failed while it ended");
            }
        }
    }
}

/// A database that is away now may be there later; one that must not be used may not.
async fn first_check(store: &Store, health: &Health) -> Result<(), ServerError> {
    match timeout(FIRST_CHECK_MAX, store.check()).await {
        Ok(Err(StoreError::Misconfigured(problem))) => return Err(ServerError::Unfit(problem)),
        Ok(Err(StoreError::Forbidden(problem))) => {
            health.database(Database::Unfit);
            error!(problem, "the database cannot be used; webhooks are answered 503 until it can");
        }
        Ok(Err(error)) => {
            warn!(%error, "the database is away; webhooks are answered 503 until it is there")
        }
        Ok(Ok(_)) => drop(health.database(Database::Ready)),
        Err(_) => warn!("the database does not answer; webhooks are answered 503 until it does"),
    }
    Ok(())
}

async fn bind(setting: &'static str, address: SocketAddr) -> Result<TcpListener, ServerError> {
    TcpListener::bind(address).await.map_err(|error| ServerError::Bind { setting, address, error })
}
