//! Paylatch inside another service, which mounts its routes and keeps listener, logs and metrics its own.

use axum::Router;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tracing::warn;

use super::lanes::LaneRuntime;
use super::watch::keep_checking;
use super::{SHUTDOWN_MAX, ServerError, by_name, first_check};
use crate::config::{File, Layers, Needs, Settings};
use crate::http::{self, AnswerObserver, AttentionCount, Health, Rejections, Sources};
use crate::intake::Intake;
use crate::lock::Locks;
use crate::store::Store;

/// Takes webhooks inside a service of yours: the routes, and the lanes behind them.
///
/// ```no_run
/// # async fn example(listener: tokio::net::TcpListener) -> Result<(), Box<dyn std::error::Error>> {
/// let settings = std::fs::read_to_string("paylatch.toml")?;
/// paylatch::Paylatch::migrate(&settings).await?;
/// let paylatch = paylatch::Paylatch::start(&settings).await?;
/// let app = axum::Router::new().nest("/payments", paylatch.routes());
/// axum::serve(listener, app).await?;
/// paylatch.close().await;
/// # Ok(()) }
/// ```
///
/// It is told by `tracing`, and counts by `metrics`: install a subscriber and a recorder to see that. Limits on connections,
/// and how long a client may take for the head of a request, are those of your listener; serve with
/// `into_make_service_with_connect_info::<SocketAddr>()`, so that clients are told apart in limits and logs.
#[derive(Debug)]
pub struct Paylatch {
    routes: Router,
    lanes: JoinHandle<()>,
    checks: JoinHandle<ServerError>,
    locks: Locks,
    health: Health,
    _lane_runtime: LaneRuntime,
}

/// Why it does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The settings are wrong; each mistake has a line.
    #[error("{0}")]
    Settings(String),
    /// The database is away, or must not be used.
    #[error("{0}")]
    Database(String),
    /// The system has no thread for the lanes.
    #[error("cannot start a thread: {0}")]
    Threads(std::io::Error),
}

impl Paylatch {
    /// Brings the database's schema up to this version, as `paylatch migrate` does. Safe from several replicas at once.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn migrate(settings: &str) -> Result<(), StartError> {
        let (_, store) = read(settings, Needs { database: true, sources: false })?;
        store.migrate().await.map(drop).map_err(|error| StartError::Database(error.to_string()))
    }

    /// Starts with `settings` as `paylatch.toml` has them; addresses, logs and traces among them are not used. A database that
    /// is away does not fail this: webhooks are answered 503 until it is there.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn start(settings: &str) -> Result<Self, StartError> {
        let (settings, store) = read(settings, Needs { database: true, sources: true })?;
        let locks = Locks::new(&settings.lock).map_err(StartError::Settings)?;
        let lane_runtime = LaneRuntime::start().map_err(StartError::Threads)?;
        store.claim().map_err(|error| StartError::Database(error.to_string()))?;
        let health = Health::new();
        first_check(&store, &health).await.map_err(|error| StartError::Database(error.to_string()))?;
        let sources = Sources::new(by_name(&settings.sources));
        let ((intake, lanes), checks) = {
            let _beside_the_lanes = lane_runtime.enter();
            let checks = keep_checking(
                store.clone(),
                locks.clone(),
                health.clone(),
                sources.clone(),
                settings.waiting,
                AttentionCount::default(),
            );
            let intake = Intake::start(&settings.intake, &locks, &store, sources.reader());
            (intake, tokio::spawn(checks))
        };
        let (observer, rejections) = (AnswerObserver::new(), Rejections::default());
        let routes = http::public(&settings.http, sources, intake, health.clone(), observer, rejections);
        let routes = http::mounted(routes, settings.http.trusted_proxies);
        Ok(Self { routes, lanes, checks, locks, health, _lane_runtime: lane_runtime })
    }

    /// `POST /webhooks/{source}`, `GET /livez` and `GET /readyz`, to be nested under a path of yours: they answer every other
    /// path below it by 404.
    pub fn routes(&self) -> Router {
        self.routes.clone()
    }

    /// Ends in order: what was taken is committed and answered, leases are released. Call it when the listener has ended,
    /// for it waits until the routes are dropped, 10 s at most. Dropped without it, what is in work is sent again by its
    /// provider.
    pub async fn close(self) {
        self.health.draining();
        drop(self.routes);
        if timeout(SHUTDOWN_MAX, self.lanes).await.is_err() {
            warn!("webhooks are still in work: the routes are held by a service that has not ended");
        }
        self.checks.abort();
        self.locks.drain().await;
    }
}

fn read(settings: &str, needs: Needs) -> Result<(Settings, Store), StartError> {
    let file = File { path: "settings".into(), text: settings.to_owned() };
    let layers = Layers { file: Some(file), ..Layers::default() };
    let settings =
        Settings::read(layers, needs).map_err(|mistakes| StartError::Settings(mistakes.to_string()))?;
    let missing = || {
        StartError::Settings(
            "database_url is not set; expected postgres://user@host/database or sqlite://path".to_owned(),
        )
    };
    let store = Store::open(settings.store.as_ref().ok_or_else(missing)?);
    Ok((settings, store.map_err(|error| StartError::Database(error.to_string()))?))
}
