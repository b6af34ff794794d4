//! Every setting: its name, default, range and unit. This is the one list.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::layers::Layers;
use super::mistake::Mistakes;
use super::reader::{Reader, Resolved};
use super::sources;
use crate::provider::Source;
use crate::secret::Secret;
use crate::{http, intake, lock, store};

/// All settings, checked.
#[derive(Debug)]
pub struct Settings {
    /// Where providers send their webhooks.
    pub listen: SocketAddr,
    /// Metrics and the API.
    pub admin_listen: SocketAddr,
    /// Required of callers of the admin listener; always set when that is not loopback.
    pub admin_token: Option<Secret>,
    /// The database, if one is named.
    pub store: Option<store::Settings>,
    /// Limits of the listeners.
    pub http: http::Settings,
    /// The lock service.
    pub lock: lock::Settings,
    /// Limits of the work.
    pub intake: intake::Settings,
    /// How logs look.
    pub log_format: LogFormat,
    /// Which logs appear, as `tracing` writes it.
    pub log_filter: String,
    /// Definitions beside the built-in ones.
    pub providers_dir: Option<PathBuf>,
    /// The sources, compiled.
    pub sources: Vec<Source>,
    /// What is allowed, yet probably not meant.
    pub advice: Vec<String>,
    /// Each setting as it holds, in the order of this file.
    pub resolved: Vec<Resolved>,
}

/// How logs look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people on a terminal, else JSON.
    Auto,
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// What a command cannot do without.
#[derive(Debug, Clone, Copy, Default)]
pub struct Needs {
    /// A database must be named.
    pub database: bool,
    /// At least one source must be there.
    pub sources: bool,
}

impl Settings {
    /// Reads all settings from `layers` and checks them, alone and against each other.
    ///
    /// # Errors
    /// All [`Mistakes`] at once.
    pub fn read(layers: Layers, needs: Needs) -> Result<Self, Mistakes> {
        let mut reader = Reader::new(layers);
        let syntax_is_clean = reader.is_clean();
        let mut settings = Self::take(&mut reader);
        if syntax_is_clean {
            settings.check_relations(&mut reader, needs);
        }
        settings.resolved = reader.finish()?;
        Ok(settings)
    }

    fn take(reader: &mut Reader) -> Self {
        let listen = reader.address("listen", SocketAddr::from(([127, 0, 0, 1], 8080)));
        let admin_listen = reader.address("admin_listen", SocketAddr::from(([127, 0, 0, 1], 8081)));
        let admin_token = reader.secret("admin_token");
        let store = take_store(reader);
        let providers_dir = reader.path("providers_dir");
        let http = take_http(reader);
        let (lock, lock_wait) = take_lock(reader, store.as_ref());
        let intake = take_intake(reader, lock_wait, store.as_ref());
        let formats = [("auto", LogFormat::Auto), ("human", LogFormat::Human), ("json", LogFormat::Json)];
        let log_format = reader.choice("log.format", &formats);
        let log_format = log_format.unwrap_or_else(|| {
            reader.default("log.format", "auto");
            LogFormat::Auto
        });
        let log_filter =
            reader.text("log.filter").unwrap_or_else(|| reader.default("log.filter", "info".to_owned()));
        let sources = sources::take(reader, providers_dir.as_deref());
        Self {
            listen,
            admin_listen,
            admin_token,
            store,
            http,
            lock,
            intake,
            log_format,
            log_filter,
            providers_dir,
            sources,
            advice: Vec::new(),
            resolved: Vec::new(),
        }
    }

    fn check_relations(&mut self, reader: &mut Reader, needs: Needs) {
        let names_a_database = reader.is_given("database_url") || reader.is_given("database_url_file");
        if needs.database && !names_a_database {
            let problem =
                "expected postgres://user@host/database or sqlite://path (`paylatch dev` needs none)";
            reader.object("database_url", problem);
        }
        if needs.sources && !reader.has_read_below("sources") {
            let problem = "expected at least one source, such as [sources.stripe] with provider and secrets";
            reader.object("sources", problem);
        }
        if !self.admin_listen.ip().is_loopback()
            && self.admin_token.is_none()
            && !reader.is_given("admin_token_file")
        {
            let problem = format!(
                "is not set, and admin_listen {} is not loopback; expected a token",
                self.admin_listen
            );
            reader.object("admin_token", problem);
        }
        if self.listen == self.admin_listen && self.listen.port() != 0 {
            reader.object("admin_listen", format!("is {}, as listen is; expected another port", self.listen));
        }
        self.check_intake(reader);
        self.check_lock(reader);
    }

    fn check_intake(&self, reader: &mut Reader) {
        let (intake, http) = (&self.intake, &self.http);
        for (small, small_value, large, large_value) in [
            (
                "intake.batch_events_max",
                intake.batch_events_max,
                "intake.queue_events_max",
                intake.queue_events_max,
            ),
            ("http.body_bytes_max", http.body_bytes_max, "intake.queue_bytes_max", intake.queue_bytes_max),
            (
                "http.body_bytes_max",
                http.body_bytes_max,
                "http.body_bytes_in_flight_max",
                http.body_bytes_in_flight_max,
            ),
        ] {
            if small_value > large_value {
                reader.object(
                    small,
                    format!("is {small_value}; expected at most {large}, which is {large_value}"),
                );
            }
        }
        if self.store.as_ref().is_some_and(is_sqlite) && intake.lanes > 1 {
            reader.object("intake.lanes", format!("is {}; expected 1: SQLite has one writer", intake.lanes));
        }
    }

    fn check_lock(&mut self, reader: &mut Reader) {
        let backend = self.lock.backend.as_str();
        match (backend, self.lock.urls.is_empty()) {
            ("local", false) => {
                reader.object(
                    "lock.urls",
                    "is set, but lock.backend is local; expected another backend, or no urls",
                );
            }
            ("local", true) | (_, false) => {}
            ("postgres", true) => {
                reader.object("lock.urls", "expected the Postgres database's URL: database_url is none");
            }
            (_, true) => reader.object("lock.urls", format!("expected the URLs of the {backend} servers")),
        }
        if self.intake.lock_wait < self.lock.ttl {
            self.advice.push(
                "lock.wait_ms is shorter than lock.ttl_ms: after a replica crashed, events of its orders are answered \
                 503 until its leases end"
                    .to_owned(),
            );
        }
        if self.intake.lock_wait >= self.intake.deadline {
            self.advice.push(
                "lock.wait_ms is not shorter than intake.deadline_ms: a busy order is answered 503 by the deadline"
                    .to_owned(),
            );
        }
        if self.intake.deadline > Duration::from_secs(5) {
            self.advice.push(
                "intake.deadline_ms is over 5000: several providers wait no longer than 5 s".to_owned(),
            );
        }
    }
}

fn take_store(reader: &mut Reader) -> Option<store::Settings> {
    let url = reader.secret_url("database_url");
    let call_timeout = reader.millis("database_call_timeout_ms", 2_000, 100..=60_000);
    Some(store::Settings { url: url?, call_timeout })
}

fn take_http(reader: &mut Reader) -> http::Settings {
    http::Settings {
        body_bytes_max: reader.count("http.body_bytes_max", 1 << 20, 1_024..=64 << 20), // 1 MiB
        connections_max: reader.count("http.connections_max", 1_024, 1..=1_000_000),
        body_bytes_in_flight_max: reader.count("http.body_bytes_in_flight_max", 32 << 20, 1_024..=16 << 30), // 32 MiB
    }
}

/// The lock service, and how long a busy order is waited for.
fn take_lock(reader: &mut Reader, store: Option<&store::Settings>) -> (lock::Settings, Duration) {
    const BACKENDS: [&str; 6] = ["local", "redis", "redlock", "postgres", "etcd", "zookeeper"];
    let backend = reader.choice("lock.backend", &BACKENDS.map(|backend| (backend, backend)));
    let backend = backend.unwrap_or_else(|| reader.default("lock.backend", "local"));
    let mut urls = reader.secret_urls("lock.urls");
    if let (true, "postgres", Some(store)) =
        (urls.is_empty(), backend, store.filter(|store| !is_sqlite(store)))
    {
        urls.push(store.url.clone());
    }
    let settings = lock::Settings {
        backend: backend.to_owned(),
        urls,
        ttl: reader.millis("lock.ttl_ms", 2_000, 100..=600_000),
        call_timeout: reader.millis("lock.call_timeout_ms", 100, 1..=10_000),
        retry_after: reader.millis("lock.retry_after_ms", 1_000, 1..=600_000),
    };
    (settings, reader.millis("lock.wait_ms", 2_500, 0..=600_000))
}

fn take_intake(
    reader: &mut Reader,
    lock_wait: Duration,
    store: Option<&store::Settings>,
) -> intake::Settings {
    let lanes = if store.is_some_and(is_sqlite) { 1 } else { 2 };
    intake::Settings {
        lanes: reader.count("intake.lanes", lanes, 1..=64),
        batch_events_max: reader.count("intake.batch_events_max", 256, 1..=4_096),
        queue_events_max: reader.count("intake.queue_events_max", 4_096, 1..=1_000_000),
        queue_bytes_max: reader.count("intake.queue_bytes_max", 32 << 20, 1_024..=16 << 30), // 32 MiB
        deadline: reader.millis("intake.deadline_ms", 4_000, 100..=60_000),
        lock_wait,
    }
}

fn is_sqlite(store: &store::Settings) -> bool {
    store.url.expose().starts_with("sqlite:")
}
