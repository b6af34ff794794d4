//! etcd's JSON gateway: its gRPC interface over HTTP/1.1, without a compiler for protocol buffers.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, StatusCode, Uri, header};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::login::Login;
use crate::http_client::{HttpClient, Limits, NoAnswer, Tls, Trust};
use crate::lock::LockSettings;
use crate::lock::backends::connection::Connection;
use crate::lock::backends::tls::Certificates;
use crate::lock::backends::user::User;
use crate::lock::contract::Failure;
use crate::secret::Secret;

/// One etcd cluster, as the user whom the URLs name.
#[derive(Debug)]
pub(super) struct Gateway {
    members: Members,
    login: Option<Connection<Login>>,
}

impl Gateway {
    pub(super) fn new(settings: &LockSettings) -> Result<Self, String> {
        let (mut urls, mut users) = (Vec::new(), Vec::new());
        for url in &settings.urls {
            let (url, user) = member(url.expose()).ok_or_else(|| format!("lock.urls: {EXPECTED}"))?;
            urls.push(url);
            users.push(user);
        }
        if urls.is_empty() {
            return Err(format!("lock.urls is empty, {EXPECTED}"));
        }
        let Certificates { authorities, identity } = Certificates::read(&settings.tls)?;
        let tls = Tls { trust: authorities.map_or(Trust::Public, Trust::Only), identity };
        let members =
            |within| Members::new(urls.clone(), within, &tls).map_err(|why| format!("lock.urls: {why}"));
        let login = match User::of_all(users)? {
            Some(user) => Some(Connection::new(Login { members: members(LOG_IN_WITHIN)?, user })),
            None => None,
        };
        Ok(Self { members: members(settings.call_timeout)?, login })
    }

    pub(super) fn members(&self) -> usize {
        self.members.urls.len()
    }

    /// Returns when it is logged in, where it must be.
    pub(super) async fn ready(&self) -> Result<(), Failure> {
        match &self.login {
            Some(login) => login.open().await.map(drop),
            None => Ok(()),
        }
    }

    pub(super) async fn call<T: DeserializeOwned>(&self, path: &str, body: &Value) -> Result<T, Failure> {
        read(&self.logged_in(None, path, body).await?)
    }

    pub(super) async fn call_member<T: DeserializeOwned>(
        &self,
        member: usize,
        path: &str,
        body: &Value,
    ) -> Result<T, Failure> {
        read(&self.logged_in(Some(member), path, body).await?)
    }

    /// A member's clock, since the Unix epoch, as the head of any of its answers tells it.
    pub(super) async fn date(&self, member: usize) -> Result<Duration, Failure> {
        let nothing = Value::Object(Map::new());
        let answer = self.members.ask(Some(member), "/v3/maintenance/status", &nothing, None).await?;
        let date = answer.headers().get(header::DATE).and_then(|date| date.to_str().ok());
        let date = date.and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
        let seconds = date.map(|date| date.timestamp().as_second().unsigned_abs());
        seconds
            .map(Duration::from_secs)
            .ok_or_else(|| Failure::Refused("an answer without a date".to_owned()))
    }

    /// Asks with our token; with a new one where that has ended, for a call that was refused has done nothing.
    async fn logged_in(
        &self,
        member: Option<usize>,
        path: &str,
        body: &Value,
    ) -> Result<Response<Bytes>, Failure> {
        let Some(login) = &self.login else { return self.members.ask(member, path, body, None).await };
        let token = login.open().await?;
        let answer = self.members.ask(member, path, body, Some(&token)).await?;
        if !has_ended(&answer) {
            return Ok(answer);
        }
        login.close(&token);
        let token = login.open().await?;
        self.members.ask(member, path, body, Some(&token)).await
    }
}

/// The members of a cluster. Questions go to one of them, and to the next after it failed.
#[derive(Debug)]
pub(super) struct Members {
    client: HttpClient,
    urls: Vec<String>,
    turn: AtomicUsize,
}

impl Members {
    fn new(urls: Vec<String>, within: Duration, tls: &Tls) -> Result<Self, String> {
        let limits =
            Limits { connect_within: within, answer_within: within, answer_bytes_max: ANSWER_BYTES_MAX };
        Ok(Self { client: HttpClient::new(limits, tls)?, urls, turn: AtomicUsize::new(0) })
    }

    /// Asks `member`; without one the member whose turn it is, and the others as long as nobody is reached.
    pub(super) async fn ask(
        &self,
        member: Option<usize>,
        path: &str,
        body: &Value,
        token: Option<&Secret>,
    ) -> Result<Response<Bytes>, Failure> {
        if let Some(member) = member {
            return self.ask_one(member, path, body, token).await;
        }
        let mut answer = Err(Failure::Unsent("no member".to_owned()));
        for _ in &self.urls {
            let turn = self.turn.load(Ordering::Relaxed);
            answer = self.ask_one(turn, path, body, token).await;
            if let Err(Failure::Unsent(_) | Failure::Unanswered(_)) = answer {
                // Of several calls that fail together, one moves on.
                let _ = self.turn.compare_exchange(turn, turn + 1, Ordering::Relaxed, Ordering::Relaxed);
            }
            if !matches!(answer, Err(Failure::Unsent(_))) {
                break;
            }
        }
        answer
    }

    async fn ask_one(
        &self,
        member: usize,
        path: &str,
        body: &Value,
        token: Option<&Secret>,
    ) -> Result<Response<Bytes>, Failure> {
        let url = self.urls.get(member % self.urls.len()).map_or("", String::as_str);
        let mut request =
            Request::post(format!("{url}{path}")).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, token.expose());
        }
        let request =
            request.body(body.to_string().into()).map_err(|error| Failure::Unsent(error.to_string()))?;
        self.client.send(request).await.map_err(|why| match why {
            NoAnswer::Unreached(reason) => Failure::Unsent(reason),
            NoAnswer::Unknown(reason) => Failure::Unanswered(reason),
        })
    }
}

/// What the gateway says beside a status other than 200.
#[derive(Default, Deserialize)]
struct Complaint {
    #[serde(default)]
    message: String,
}

/// What an answer says, unless it complains.
pub(super) fn read<T: DeserializeOwned>(answer: &Response<Bytes>) -> Result<T, Failure> {
    if answer.status() == StatusCode::OK {
        return serde_json::from_slice(answer.body())
            .map_err(|error| Failure::Refused(format!("unreadable: {error}")));
    }
    Err(Failure::Refused(format!("{}: {}", answer.status(), complaint(answer).message)))
}

fn complaint(answer: &Response<Bytes>) -> Complaint {
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

/// The token is not known, or is older than the last change of users and roles.
fn has_ended(answer: &Response<Bytes>) -> bool {
    let is_refused = answer.status() != StatusCode::OK;
    is_refused && ENDED.iter().any(|complains| complaint(answer).message.contains(complains))
}

/// The URL without the user, and the user.
fn member(url: &str) -> Option<(String, Option<User>)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str().filter(|scheme| ["http", "https"].contains(scheme))?;
    let (user, host) = User::split(uri.authority()?.as_str())?;
    Some((format!("{scheme}://{host}"), user))
}

const EXPECTED: &str =
    "expected http[s]://[user:password@]host:2379 for each member, for lock.backend = \"etcd\"";
/// Longer than a call: etcd makes passwords dear to try.
const LOG_IN_WITHIN: Duration = Duration::from_secs(2);
/// A list of all that is held fits; an answer without end does not.
const ANSWER_BYTES_MAX: usize = 16 << 20;
const ENDED: [&str; 2] = ["invalid auth token", "revision of auth store is old"];
