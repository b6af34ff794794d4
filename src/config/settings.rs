//! Every setting: its name, default, range and unit. This is the one list.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::layers::Layers;
use super::mistake::Mistakes;
use super::reader::{Reader, Resolved};
use super::{relations, sources};
use crate::http::{self, HttpSettings};
use crate::intake::IntakeSettings;
use crate::lock::{self, LockSettings};
use crate::provider::Source;
use crate::secret::Secret;
use crate::store::StoreSettings;
use crate::telemetry::{LogFormat, TraceSettings};

/// What a database's URL starts with.
const DATABASES: [&str; 3] = ["postgres://", "postgresql://", "sqlite:"];

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
    pub store: Option<StoreSettings>,
    /// Limits of the listeners.
    pub http: HttpSettings,
    /// The lock service.
    pub lock: LockSettings,
    /// Limits of the work.
    pub intake: IntakeSettings,
    /// How logs look.
    pub log_format: LogFormat,
    /// Which logs appear, as `tracing` writes it.
    pub log_filter: String,
    /// Where traces go; nowhere unless an endpoint is named.
    pub traces: Option<TraceSettings>,
    /// Definitions beside the built-in ones.
    pub providers_dir: Option<PathBuf>,
    /// The sources, compiled.
    pub sources: Vec<Source>,
    /// What is allowed, yet probably not meant.
    pub advice: Vec<String>,
    /// Each setting as it holds, in the order of this file.
    pub resolved: Vec<Resolved>,
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
            settings.advice = relations::check(&settings, &mut reader, needs);
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
        let traces = take_traces(reader);
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
            traces,
            providers_dir,
            sources,
            advice: Vec::new(),
            resolved: Vec::new(),
        }
    }
}

fn take_store(reader: &mut Reader) -> Option<StoreSettings> {
    let url = reader.secret_url("database_url");
    let is_known = |url: &Secret| DATABASES.iter().any(|scheme| url.expose().starts_with(scheme));
    if url.as_ref().is_some_and(|url| !is_known(url)) {
        reader.object("database_url", "expected postgres://user@host/database or sqlite://path");
    }
    let call_timeout = reader.millis("database_call_timeout_ms", 2_000, 100..=60_000);
    Some(StoreSettings { url: url?, call_timeout })
}

fn take_http(reader: &mut Reader) -> HttpSettings {
    HttpSettings {
        body_bytes_max: reader.count("http.body_bytes_max", 1 << 20, 1_024..=64 << 20), // 1 MiB
        connections_max: reader.count("http.connections_max", 1_024, 1..=1_000_000),
        body_bytes_in_flight_max: reader.count("http.body_bytes_in_flight_max", 32 << 20, 1_024..=16 << 30), // 32 MiB
        tls: take_tls(reader),
    }
}

/// What the public listener is secured with, read here: a file that cannot be used is a mistake like any other.
fn take_tls(reader: &mut Reader) -> Option<http::Tls> {
    let (cert, key) = match (reader.path("http.tls_cert_file"), reader.path("http.tls_key_file")) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) => return None,
        (Some(_), None) => {
            reader.object("http.tls_key_file", "expected it beside http.tls_cert_file");
            return None;
        }
        (None, Some(_)) => {
            reader.object("http.tls_cert_file", "expected it beside http.tls_key_file");
            return None;
        }
    };
    http::Tls::read(&http::TlsFiles { cert, key })
        .map_err(|problem| match problem {
            http::TlsProblem::Cert(problem) => reader.object("http.tls_cert_file", problem),
            http::TlsProblem::Key(problem) => reader.object("http.tls_key_file", problem),
        })
        .ok()
}

/// The lock service, and how long a busy order is waited for.
fn take_lock(reader: &mut Reader, store: Option<&StoreSettings>) -> (LockSettings, Duration) {
    const BACKENDS: [&str; 6] = ["local", "redis", "redlock", "postgres", "etcd", "zookeeper"];
    let backend = reader.choice("lock.backend", &BACKENDS.map(|backend| (backend, backend)));
    let backend = backend.unwrap_or_else(|| reader.default("lock.backend", "local"));
    let mut urls = reader.secret_urls("lock.urls");
    if let (true, "postgres", Some(store)) =
        (urls.is_empty(), backend, store.filter(|store| !is_sqlite(store)))
    {
        urls.push(store.url.clone());
    }
    let settings = LockSettings {
        backend: backend.to_owned(),
        urls,
        tls: lock::Tls {
            ca_file: reader.path("lock.ca_file"),
            cert_file: reader.path("lock.cert_file"),
            key_file: reader.path("lock.key_file"),
        },
        ttl: reader.millis("lock.ttl_ms", 2_000, 100..=600_000),
        call_timeout: reader.millis("lock.call_timeout_ms", 100, 1..=10_000),
        retry_after: reader.millis("lock.retry_after_ms", 1_000, 1..=600_000),
    };
    (settings, reader.millis("lock.wait_ms", 2_500, 0..=600_000))
}

fn take_intake(reader: &mut Reader, lock_wait: Duration, store: Option<&StoreSettings>) -> IntakeSettings {
    let lanes = if store.is_some_and(is_sqlite) { 1 } else { 2 };
    IntakeSettings {
        lanes: reader.count("intake.lanes", lanes, 1..=64),
        batch_events_max: reader.count("intake.batch_events_max", 256, 1..=4_096),
        queue_events_max: reader.count("intake.queue_events_max", 4_096, 1..=1_000_000),
        queue_bytes_max: reader.count("intake.queue_bytes_max", 32 << 20, 1_024..=16 << 30), // 32 MiB
        deadline: reader.millis("intake.deadline_ms", 4_000, 100..=60_000),
        lock_wait,
    }
}

/// Where traces go. A header's value is a secret, its name is not.
fn take_traces(reader: &mut Reader) -> Option<TraceSettings> {
    let endpoint = reader.text("otlp.endpoint");
    let one_in = reader.count("otlp.one_in", 1, 1..=1_000_000);
    let headers = reader.secrets("otlp.headers", "otlp.header_files");
    let pairs: Vec<_> = headers
        .iter()
        .filter_map(|header| header.expose().split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), Secret::new(value.trim())))
        .collect();
    if pairs.len() < headers.len() {
        reader.object("otlp.headers", "expected NAME=VALUE");
    }
    let endpoint = endpoint?;
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        reader.object("otlp.endpoint", "expected the URL of a collector, such as http://127.0.0.1:4318");
        return None;
    }
    Some(TraceSettings { endpoint, headers: pairs, one_in })
}

pub(super) fn is_sqlite(store: &StoreSettings) -> bool {
    store.url.expose().starts_with("sqlite:")
}
