//! Leases in `ZooKeeper`: a node for each key, which lives as long as this process' session.
//!
//! The session is the lease: its heartbeat renews, its end frees all keys together. Its timeout is the TTL, within what
//! the server allows (two ticks at least, so 4 s by default). The fence is the transaction that created the node.
//!
//! A key is one name below `/paylatch-lock`, with what a path cannot hold as `%XX`.

use std::fmt::Write as _;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use zookeeper_client::{Acls, Client, CreateMode, Error};

use super::super::LockSettings;
use super::super::contract::{Failure, Hold, Verb};
use super::super::inspect::{HELD_MAX, HealthProblem, HeldKey};
use super::super::server_clock::ServerClock;
use super::super::token::Token;
use super::connection::{Connect, Connection};
use super::user::User;

/// One ensemble.
#[derive(Debug)]
pub(in crate::lock) struct ZooKeeper {
    connection: Connection<Ensemble>,
    call_timeout: Duration,
}

#[derive(Debug)]
struct Ensemble {
    hosts: String,
    user: Option<User>,
    session_timeout: Duration,
}

impl ZooKeeper {
    pub(super) fn new(settings: &LockSettings) -> Result<Self, String> {
        let (mut hosts, mut users) = (Vec::new(), Vec::new());
        for url in &settings.urls {
            let (user, host) = server(url.expose()).ok_or_else(|| format!("lock.urls: {EXPECTED}"))?;
            hosts.push(host.to_owned());
            users.push(user);
        }
        if hosts.is_empty() {
            return Err(format!("lock.urls is empty, {EXPECTED}"));
        }
        let user = User::of_all(users)?;
        let ensemble = Ensemble { hosts: hosts.join(","), user, session_timeout: settings.ttl };
        Ok(Self { connection: Connection::new(ensemble), call_timeout: settings.call_timeout })
    }

    pub(super) async fn ready(&self) -> Result<(), Failure> {
        self.connection.open().await.map(drop)
    }

    /// One request for each key, all on their way together; a second one where somebody's node must be looked at.
    pub(super) async fn ask(&self, verb: Verb, holds: &[Hold]) -> Result<Vec<Option<u64>>, Failure> {
        let open = self.connection.open().await?;
        let mut calls = JoinSet::new();
        for (place, hold) in holds.iter().cloned().enumerate() {
            let (client, acls) = (Client::clone(&open), self.connection.address().acls());
            calls.spawn(async move {
                let done = match verb {
                    Verb::Acquire => acquire(&client, &hold, acls).await,
                    Verb::Extend => ours(&client, &hold).await,
                    Verb::Release => release(&client, &hold).await,
                };
                (place, done)
            });
        }
        let mut done = vec![None; holds.len()];
        let all = async {
            while let Some(call) = calls.join_next().await {
                let (place, answer) = call.map_err(|_| Error::ClientClosed)?;
                if let Some(slot) = done.get_mut(place) {
                    *slot = answer?;
                }
            }
            Ok(())
        };
        let failure = match timeout(self.call_timeout, all).await {
            Ok(Ok(())) => return Ok(done),
            Ok(Err(error)) => failure(&error),
            Err(_) => Failure::Unanswered(format!("no answer within {} ms", self.call_timeout.as_millis())),
        };
        // A session that lives keeps its nodes: only one that has ended is left.
        if open.state().is_terminated() {
            self.connection.close(&open);
        }
        Err(failure)
    }

    pub(super) async fn health(&self) -> Vec<HealthProblem> {
        let asked = async {
            let open = self.connection.open().await?;
            open.list_children(ROOT).await.map_err(|error| failure(&error))
        };
        let unreachable = |failure| match failure {
            Failure::Refused(reason) => {
                vec![HealthProblem::Failure(format!("ZooKeeper refuses {ROOT}: {reason}"))]
            }
            other => vec![HealthProblem::Failure(format!("ZooKeeper is not reachable: {other}"))],
        };
        asked.await.map_or_else(unreachable, |_| Vec::new())
    }

    /// A node's time of change is the leader's clock, so changing one asks for it.
    pub(super) async fn clocks(&self) -> Vec<ServerClock> {
        let time = async {
            let open = self.connection.open().await?;
            let changed = open.set_data(ROOT, b"", None).await.map_err(|error| failure(&error))?;
            Ok::<_, Failure>(Duration::from_millis(changed.mtime.unsigned_abs()))
        };
        let millisecond = Duration::from_millis(1);
        ServerClock::read("ZooKeeper's leader", millisecond, time).await.into_iter().collect()
    }

    pub(super) async fn held(&self) -> Result<Vec<HeldKey>, Failure> {
        let open = self.connection.open().await?;
        let names = open.list_children(ROOT).await.map_err(|error| failure(&error))?;
        let mut held = Vec::new();
        for name in names.into_iter().take(HELD_MAX) {
            match open.get_data(&format!("{ROOT}/{name}")).await {
                Ok((token, _)) => held.push(HeldKey {
                    key: key(&name),
                    owner: Token::owner(&String::from_utf8_lossy(&token)),
                    lapses_in: open.session_timeout(),
                }),
                Err(Error::NoNode) => {}
                Err(error) => return Err(failure(&error)),
            }
        }
        Ok(held)
    }
}

impl Ensemble {
    /// What one user creates, nobody else may look at or delete.
    fn acls(&self) -> Acls<'static> {
        if self.user.is_some() { Acls::creator_all() } else { Acls::anyone_all() }
    }
}

impl Connect for Ensemble {
    type Connected = Client;

    async fn connect(&self) -> Result<Client, Failure> {
        let mut connector =
            Client::connector().with_session_timeout(self.session_timeout).with_fail_eagerly();
        if let Some(User { name, password }) = &self.user {
            connector = connector.with_auth("digest", format!("{name}:{}", password.expose()).as_bytes());
        }
        let root = CreateMode::Persistent.with_acls(self.acls());
        let connecting = async {
            let client = connector.connect(&self.hosts).await?;
            match client.create(ROOT, b"", &root).await {
                Ok(_) | Err(Error::NodeExists) => Ok(client),
                Err(error) => Err(error),
            }
        };
        match timeout(CONNECT_TIMEOUT, connecting).await {
            Ok(connected) => connected.map_err(|error| Failure::Unsent(error.to_string())),
            Err(_) => Err(Failure::Unsent(format!("no session within {} ms", CONNECT_TIMEOUT.as_millis()))),
        }
    }
}

/// The user and the host of `zookeeper://[user:password@]host[:2181]`.
fn server(url: &str) -> Option<(Option<User>, &str)> {
    let (user, host) = User::split(url.strip_prefix("zookeeper://")?.trim_end_matches('/'))?;
    let is_one = !host.is_empty() && !host.contains(['/', '@', ',']);
    is_one.then_some((user, host))
}

async fn acquire(client: &Client, hold: &Hold, acls: Acls<'static>) -> Result<Option<u64>, Error> {
    let ephemeral = CreateMode::Ephemeral.with_acls(acls);
    match client.create(&path(hold), hold.token.as_str().as_bytes(), &ephemeral).await {
        Ok((stat, _)) => Ok(Some(stat.czxid.unsigned_abs())),
        Err(Error::NodeExists) => ours(client, hold).await,
        Err(error) => Err(error),
    }
}

/// The fence of our node, where it is ours.
async fn ours(client: &Client, hold: &Hold) -> Result<Option<u64>, Error> {
    match client.get_data(&path(hold)).await {
        Ok((token, stat)) if token == hold.token.as_str().as_bytes() => Ok(Some(stat.czxid.unsigned_abs())),
        Ok(_) | Err(Error::NoNode) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Between looking and deleting, our node cannot become another's: it ends with our session, and so would the call.
async fn release(client: &Client, hold: &Hold) -> Result<Option<u64>, Error> {
    let Some(fence) = ours(client, hold).await? else { return Ok(None) };
    match client.delete(&path(hold), None).await {
        Ok(()) => Ok(Some(fence)),
        Err(Error::NoNode) => Ok(None),
        Err(error) => Err(error),
    }
}

fn failure(error: &Error) -> Failure {
    match error {
        Error::NoHosts => Failure::Unsent(error.to_string()),
        Error::ConnectionLoss | Error::Timeout | Error::SessionExpired | Error::ClientClosed => {
            Failure::Unanswered(error.to_string())
        }
        other => Failure::Refused(other.to_string()),
    }
}

fn path(hold: &Hold) -> String {
    let mut path = format!("{ROOT}/");
    let dots = hold.key.bytes().all(|byte| byte == b'.');
    for byte in hold.key.bytes() {
        if byte.is_ascii_graphic() && !matches!(byte, b'/' | b'%') && !dots {
            path.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(path, "%{byte:02X}");
        }
    }
    path
}

/// What [`path`] was made of.
fn key(name: &str) -> String {
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, tail @ ..] = rest {
        let escaped = tail.get(..2).filter(|_| *first == b'%').and_then(|digits| hex::decode(digits).ok());
        match escaped {
            Some(byte) => {
                bytes.extend(byte);
                rest = tail.get(2..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

const EXPECTED: &str =
    "expected zookeeper://[user:password@]host[:2181] for each server, for lock.backend = \"zookeeper\"";
const ROOT: &str = "/paylatch-lock";
/// Longer than a call: it has the name look-up and the session in it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::{Hold, ROOT, Token, key, path};

    #[test]
    fn any_key_is_one_name_and_comes_back() {
        for text in ["stripe/ord_1", "..", ".", "100%", "größe", "%2F", "a b", "\u{e000}"] {
            let hold = Hold { key: text.to_owned(), token: Token::draw("test"), fence: 0 };
            let path = path(&hold);
            let name =
                path.strip_prefix(ROOT).and_then(|name| name.strip_prefix('/')).expect("below the root");
            assert!(!name.contains('/') && name != ".." && name != "." && name.is_ascii(), "{name}");
            assert_eq!(key(name), text);
        }
    }
}
