//! Every setting. The tables have a file each; together they are the one list of names, defaults, ranges and units.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::advice::Advice;
use super::reader::{Reader, Resolved};
use super::{admin, announce, database, http, intake, lock, sources, traces, waiting};
use crate::announce::RelaySettings;
use crate::http::{AdminSettings, AnnounceSettings, HttpSettings};
use crate::intake::IntakeSettings;
use crate::lock::LockSettings;
use crate::order::Ledgers;
use crate::provider::Source;
use crate::store::{StoreSettings, WaitingLimits};
use crate::telemetry::{LogFormat, TraceSettings};

/// All settings, checked.
#[derive(Debug)]
pub struct Settings {
    /// Where providers send their webhooks.
    pub listen: SocketAddr,
    /// Metrics and the API.
    pub admin_listen: SocketAddr,
    /// Who may ask there; a token is always set when it is not loopback.
    pub admin: AdminSettings,
    /// The database, if one is named.
    pub store: Option<StoreSettings>,
    /// Limits of the listeners.
    pub http: HttpSettings,
    /// The lock service.
    pub lock: LockSettings,
    /// Limits of the work.
    pub intake: IntakeSettings,
    /// Telling which orders changed.
    pub announce: AnnounceSettings,
    /// The endpoints that are told of them.
    pub relay: RelaySettings,
    /// After how long money that waits needs a person.
    pub waiting: WaitingLimits,
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
    pub advice: Vec<Advice>,
    /// Each setting as it holds, in the order of this file.
    pub resolved: Vec<Resolved>,
}

/// Which settings a command cannot do without.
#[derive(Debug, Clone, Copy, Default)]
pub struct Needs {
    /// A database must be named.
    pub database: bool,
    /// At least one source must be there.
    pub sources: bool,
}

impl Settings {
    /// Which sources share their order numbers.
    #[must_use]
    pub fn ledgers(&self) -> Ledgers {
        self.sources.iter().map(|source| (source.name().clone(), source.ledger().clone())).collect()
    }

    /// As they are given; what they must be to each other is checked by whoever reads them.
    pub(super) fn take(reader: &mut Reader) -> Self {
        let listen = reader.address("listen", SocketAddr::from(([127, 0, 0, 1], 8080)));
        let admin_listen = reader.address("admin_listen", SocketAddr::from(([127, 0, 0, 1], 8081)));
        let admin = admin::take(reader);
        let store = database::take(reader);
        let providers_dir = reader.path("providers_dir");
        let http = http::take(reader);
        let (lock, lock_wait) = lock::take(reader, store.as_ref());
        let intake = intake::take(reader, lock_wait, store.as_ref());
        let (announce, relay) = announce::take(reader);
        let waiting = waiting::take(reader);
        let formats = [("auto", LogFormat::Auto), ("human", LogFormat::Human), ("json", LogFormat::Json)];
        let log_format = reader.choice("log.format", &formats);
        let log_format = log_format.unwrap_or_else(|| {
            reader.default("log.format", "auto");
            LogFormat::Auto
        });
        let log_filter =
            reader.text("log.filter").unwrap_or_else(|| reader.default("log.filter", "info".to_owned()));
        let traces = traces::take(reader);
        let sources = sources::take(reader, providers_dir.as_deref());
        Self {
            listen,
            admin_listen,
            admin,
            store,
            http,
            lock,
            intake,
            announce,
            relay,
            waiting,
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
