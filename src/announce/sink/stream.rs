//! Announcements as entries of a Redis stream: `redis[s]://[user:password@]host[:port][/db]?stream=NAME[&maxlen=N]`.
//!
//! Entries have ids of the server's own making. Ids made of our versions would refuse news: versions of different orders
//! commit out of order, and a stream takes no id below its last one.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;
use redis::io::AsyncDNSResolver;
use redis::io::tcp::TcpSettings;
use redis::{
    AsyncConnectionConfig, Client, ClientTlsConfig, Cmd, ConnectionAddr, ConnectionInfo, IntoConnectionInfo,
    Pipeline, RedisFuture, RedisResult, TlsCertificates,
};
use tokio::net::lookup_host;
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::Sink;
use crate::announce::EndpointSettings;
use crate::announce::message::Message;
use crate::announce::verdict::Answer;
use crate::http_client::{Reach, Tls, Trust};
use crate::order::UnixMicros;

const EXPECTED: &str = "expected redis://host:6379/?stream=NAME, or rediss:// over TLS";

/// A stream of one server.
#[derive(Debug)]
pub(super) struct Stream {
    server: Arc<Server>,
    name: String,
    /// About how many entries it keeps; all of them if this is not set.
    entries_max: Option<u64>,
}

#[derive(Debug)]
struct Server {
    client: Client,
    reach: Reach,
    connect_within: Duration,
    answer_within: Duration,
    open: Mutex<Open>,
}

/// The connection, and how many were opened before it: whose failed closes that one and none that came after.
#[derive(Default)]
struct Open {
    number: u64,
    connection: Option<MultiplexedConnection>,
}

impl Stream {
    /// # Errors
    /// Which setting of the endpoint is wrong, and why.
    pub(super) fn new(settings: &EndpointSettings) -> Result<Self, (&'static str, String)> {
        let (address, query) = settings.url.expose().split_once('?').unwrap_or((settings.url.expose(), ""));
        if query.contains('#') {
            return Err(("url", format!("has a # in it; {EXPECTED}")));
        }
        let (name, entries_max) = parameters(query).map_err(|problem| ("url", problem))?;
        let info = address.into_connection_info().map_err(|error| ("url", format!("{error}; {EXPECTED}")))?;
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        let (host, is_encrypted) = match info.addr() {
            ConnectionAddr::Tcp(host, _) => (host, false),
            ConnectionAddr::TcpTls { host, insecure: false, .. } => (host, true),
            _ => return Err(("url", format!("cannot be told safely; {EXPECTED}"))),
        };
        let reach = Reach::guarded(is_encrypted, settings.allow.clone());
        reach.check_host(host).map_err(|problem| ("url", problem))?;
        let client = client(info, is_encrypted, &settings.tls);
        let server = Server {
            client: client.map_err(|error| ("tls_ca_file", error.to_string()))?,
            reach,
            connect_within: settings.connect_timeout,
            answer_within: settings.timeout,
            open: Mutex::default(),
        };
        Ok(Self { server: Arc::new(server), name, entries_max })
    }

    fn entry(&self, message: &Message) -> Cmd {
        let mut add = redis::cmd("XADD");
        add.arg(&self.name);
        if let Some(entries_max) = self.entries_max {
            add.arg("MAXLEN").arg("~").arg(entries_max);
        }
        add.arg("*");
        add.arg("type").arg(&message.type_name);
        add.arg("epoch").arg(message.epoch).arg("version").arg(message.version);
        let (name, of) = message.subject.of();
        add.arg(name).arg(of.as_str()).arg("order").arg(message.subject.order().as_str());
        add.arg("message").arg(&message.json[..]);
        add
    }
}

impl Sink for Stream {
    /// Entries of one pipeline: should it break off half-way, those that came through come again with the others.
    fn send(&self, messages: &[Message], _: UnixMicros) -> BoxFuture<'static, Answer> {
        let mut entries = Pipeline::with_capacity(messages.len());
        for message in messages {
            entries.add_command(self.entry(message)).ignore();
        }
        let server = Arc::clone(&self.server);
        Box::pin(async move { server.take(&entries).await })
    }
}

impl Server {
    /// Whatever fails is nothing that a single order could be blamed for.
    async fn take(&self, entries: &Pipeline) -> Answer {
        let mut number = 0;
        let work = async {
            let (opened, mut connection) = self.open().await?;
            number = opened;
            entries.exec_async(&mut connection).await
        };
        match timeout(self.answer_within, work).await {
            Ok(Ok(())) => Answer::Taken,
            Ok(Err(error)) => {
                // Also after a refusal: by its name a server that became a replica leads to another one.
                self.close(number).await;
                Answer::Away(error.to_string())
            }
            Err(_) => {
                self.close(number).await;
                Answer::Away(format!("no answer within {:?}", self.answer_within))
            }
        }
    }

    /// The connection, or a new one.
    async fn open(&self) -> RedisResult<(u64, MultiplexedConnection)> {
        let mut open = self.open.lock().await;
        if let Some(connection) = &open.connection {
            return Ok((open.number, connection.clone()));
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(self.connect_within))
            .set_response_timeout(Some(self.answer_within))
            .set_dns_resolver(Guard(self.reach.clone()));
        let connection = self.client.get_multiplexed_async_connection_with_config(&config).await?;
        *open = Open { number: open.number + 1, connection: Some(connection.clone()) };
        Ok((open.number, connection))
    }

    async fn close(&self, number: u64) {
        let mut open = self.open.lock().await;
        if open.number == number {
            open.connection = None;
        }
    }
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").field("number", &self.number).finish_non_exhaustive()
    }
}

/// Looks the server up, and lets no answer through that has an address which must not be reached.
struct Guard(Reach);

impl AsyncDNSResolver for Guard {
    fn resolve<'a, 'b: 'a>(
        &'a self,
        host: &'b str,
        port: u16,
    ) -> RedisFuture<'a, Box<dyn Iterator<Item = SocketAddr> + Send + 'a>> {
        Box::pin(async move {
            let found: Vec<SocketAddr> = lookup_host((host, port)).await?.collect();
            match found.iter().find_map(|address| self.0.check(address.ip()).err()) {
                None => Ok(Box::new(found.into_iter()) as Box<dyn Iterator<Item = SocketAddr> + Send>),
                Some(refusal) => Err(std::io::Error::other(refusal).into()),
            }
        })
    }
}

/// The stream's name, and how long it may be.
fn parameters(query: &str) -> Result<(String, Option<u64>), String> {
    let (mut name, mut entries_max) = (None, None);
    for (parameter, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*parameter {
            "stream" if !value.is_empty() => name = Some(value.into_owned()),
            "maxlen" => {
                let number = value.parse().ok().filter(|number| *number > 0);
                entries_max = Some(number.ok_or("maxlen: expected a number of entries, such as 1000000")?);
            }
            _ => return Err(format!("has {parameter:?} in it, which is not understood; {EXPECTED}")),
        }
    }
    name.map(|name| (name, entries_max)).ok_or_else(|| format!("names no stream; {EXPECTED}"))
}

fn client(info: ConnectionInfo, is_encrypted: bool, tls: &Tls) -> RedisResult<Client> {
    let root_cert = match &tls.trust {
        Trust::Only(authorities) => Some(authorities.clone()),
        Trust::Public | Trust::Anyone => None,
    };
    let identity = tls.identity.clone();
    let client_tls = identity.map(|own| ClientTlsConfig { client_cert: own.cert, client_key: own.key });
    match is_encrypted && (root_cert.is_some() || client_tls.is_some()) {
        true => Client::build_with_tls(info, TlsCertificates { client_tls, root_cert }),
        false => Client::open(info),
    }
}
