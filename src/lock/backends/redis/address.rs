//! Where Redis is: one server, a Cluster, or whatever Sentinel says is the master.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::io::tcp::TcpSettings;
use redis::sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType};
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    RedisError, TlsCertificates, TlsMode,
};
use tokio::sync::{Mutex, OnceCell};

use super::super::connection::Connect;
use super::super::tls::Certificates;
use crate::http_client::Identity;
use crate::lock::LockSettings;
use crate::lock::contract::Failure;
use crate::secret::Secret;

/// Where Redis is, and how long an answer may take.
#[derive(Debug)]
pub(super) struct Address {
    deployment: Deployment,
    call_timeout: Duration,
}

/// Read from the scheme of the URLs; see [`Address::new`].
enum Deployment {
    Server(Client),
    Cluster(ClusterClient),
    /// The library resolves the master each time that a connection is opened. A connection that failed is never used
    /// again, so a failover is followed by its first error.
    Sentinel(Mutex<SentinelClient>),
}

/// What is open. Closed after its first error, not kept as the library's `ConnectionManager` does it: a peer that
/// vanished without a word would be waited for again and again.
pub(super) struct Open {
    pub(super) wire: Wire,
    pub(super) run_id: OnceCell<Option<String>>,
}

/// A connection, cheap to clone.
#[derive(Clone)]
pub(super) enum Wire {
    Server(MultiplexedConnection),
    Cluster(ClusterConnection),
}

impl Address {
    /// Understands `redis[s]://..` (one), `redis[s]+cluster://..` (any of its nodes) and
    /// `redis[s]+sentinel://host:26379/master_name[/db]` (any of the sentinels; user and password are the servers').
    pub(super) fn new(settings: &LockSettings) -> Result<Self, String> {
        let LockSettings { urls, call_timeout, .. } = settings;
        let Some(first) = urls.first() else {
            return Err("lock.urls is empty, expected redis://host".to_owned());
        };
        let (scheme, _) = first.expose().split_once("://").unwrap_or_default();
        let place = match scheme.split_once('+') {
            Some((_, "cluster")) => cluster(settings),
            Some((_, "sentinel")) => sentinel(settings),
            Some(_) | None if urls.len() == 1 => return Self::server(first, settings),
            Some(_) | None => Err(format!(
                "lock.urls has {} entries, expected one for a single Redis; a Cluster is redis+cluster://, \
                 Sentinel redis+sentinel://, independent servers lock.backend = \"redlock\"",
                urls.len()
            )),
        };
        Ok(Self { deployment: place?, call_timeout: *call_timeout })
    }

    pub(super) fn server(url: &Secret, settings: &LockSettings) -> Result<Self, String> {
        let info = connection_info(url.expose())?;
        let client = match tls_of(&info, settings)? {
            Some(certificates) => Client::build_with_tls(info, certificates),
            None => Client::open(info),
        };
        Ok(Self {
            deployment: Deployment::Server(client.map_err(wrong)?),
            call_timeout: settings.call_timeout,
        })
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self.deployment, Deployment::Cluster(_))
    }
}

impl Connect for Address {
    type Connected = Open;

    async fn connect(&self) -> Result<Open, Failure> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(self.call_timeout));
        let connecting = async {
            match &self.deployment {
                Deployment::Server(client) => {
                    client.get_multiplexed_async_connection_with_config(&config).await.map(Wire::Server)
                }
                Deployment::Cluster(client) => client.get_async_connection().await.map(Wire::Cluster),
                Deployment::Sentinel(client) => {
                    client.lock().await.get_async_connection_with_config(&config).await.map(Wire::Server)
                }
            }
        };
        match tokio::time::timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(Ok(wire)) => Ok(Open { wire, run_id: OnceCell::new() }),
            Ok(Err(error)) => Err(Failure::Unsent(error.to_string())),
            Err(_) => {
                Err(Failure::Unsent(format!("no connection within {} ms", CONNECT_TIMEOUT.as_millis())))
            }
        }
    }
}

fn cluster(settings: &LockSettings) -> Result<Deployment, String> {
    let node = |url: &Secret| connection_info(&url.expose().replacen("+cluster", "", 1));
    let nodes = settings.urls.iter().map(node).collect::<Result<Vec<_>, _>>()?;
    let certificates = nodes.first().map(|node| tls_of(node, settings)).transpose()?.flatten();
    // A command that is sent again after a MOVED, or over a new connection, is the same script with the same token.
    let mut builder = ClusterClient::builder(nodes)
        .tcp_settings(TcpSettings::default().set_nodelay(true))
        .connection_timeout(CONNECT_TIMEOUT)
        .response_timeout(settings.call_timeout)
        .retries(3)
        .min_retry_wait(1)
        .max_retry_wait(10);
    if let Some(certificates) = certificates {
        builder = builder.certs(certificates);
    }
    builder.build().map(Deployment::Cluster).map_err(wrong)
}

fn sentinel(settings: &LockSettings) -> Result<Deployment, String> {
    let mut sentinels = Vec::with_capacity(settings.urls.len());
    let mut named = None;
    for url in &settings.urls {
        let (address, master) = sentinel_url(url.expose())?;
        if named.get_or_insert(master) != &master {
            return Err("lock.urls: the sentinels name different masters, expected one".to_owned());
        }
        sentinels.push(address);
    }
    let (Some(master), Some(servers)) = (named, sentinels.first().cloned()) else {
        return Err("lock.urls is empty, expected redis+sentinel://host:26379/master_name".to_owned());
    };
    let addresses: Vec<ConnectionAddr> = sentinels.iter().map(|sentinel| sentinel.addr().clone()).collect();
    let tcp = TcpSettings::default().set_nodelay(true);
    let mut builder = SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)
        .map_err(wrong)?
        .set_client_to_redis_db(servers.redis_settings().db())
        .set_client_to_redis_tcp_settings(tcp.clone())
        .set_client_to_sentinel_tcp_settings(tcp);
    if let Some(username) = servers.redis_settings().username() {
        builder = builder.set_client_to_redis_username(username);
    }
    if let Some(password) = servers.redis_settings().password() {
        builder = builder.set_client_to_redis_password(password);
    }
    if matches!(servers.addr(), ConnectionAddr::TcpTls { .. }) {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = tls_of(&servers, settings)? {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates);
    }
    builder.build().map(|client| Deployment::Sentinel(Mutex::new(client))).map_err(wrong)
}

/// `scheme+sentinel://authority/master[/db]` as the address of the sentinel, with the servers' settings, and the master.
fn sentinel_url(url: &str) -> Result<(ConnectionInfo, &str), String> {
    let expected =
        || "lock.urls: expected redis+sentinel://[user:password@]host:26379/master_name[/db]".to_owned();
    let (scheme, rest) = url.split_once("+sentinel://").ok_or_else(expected)?;
    let (authority, path) = rest.split_once('/').ok_or_else(expected)?;
    let (master, db) = path.split_once('/').unwrap_or((path, "0"));
    if master.is_empty() {
        return Err(expected());
    }
    Ok((connection_info(&format!("{scheme}://{authority}/{db}"))?, master))
}

fn connection_info(url: &str) -> Result<ConnectionInfo, String> {
    let info = url.into_connection_info().map_err(wrong)?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        return Err("lock.urls: #insecure is not supported; expected the server's authority in lock.ca_file"
            .to_owned());
    }
    Ok(info.set_tcp_settings(TcpSettings::default().set_nodelay(true)))
}

/// The certificates of a connection that speaks TLS; without any, the library trusts the public authorities.
fn tls_of(info: &ConnectionInfo, settings: &LockSettings) -> Result<Option<TlsCertificates>, String> {
    if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
        return Ok(None);
    }
    let Certificates { authorities, identity } = Certificates::read(&settings.tls)?;
    let client = |Identity { cert, key }| ClientTlsConfig { client_cert: cert, client_key: key };
    let is_given = authorities.is_some() || identity.is_some();
    let certificates = TlsCertificates { client_tls: identity.map(client), root_cert: authorities };
    Ok(is_given.then_some(certificates))
}

fn wrong(error: RedisError) -> String {
    format!("lock.urls: {error}; expected redis://[user:password@]host[:port][/db], or rediss:// over TLS")
}

/// As shown in logs: no user, no password.
impl std::fmt::Debug for Deployment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Server(client) => write!(f, "Server({})", client.get_connection_info().addr()),
            Self::Cluster(_) => f.write_str("Cluster"),
            Self::Sentinel(_) => f.write_str("Sentinel"),
        }
    }
}

/// Longer than a call: it has the name look-up, TLS and AUTH in it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
