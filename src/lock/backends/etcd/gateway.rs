//! Calls to an etcd cluster, logged in where it asks for a user.

use std::time::Duration;

use bytes::Bytes;
use http::{Response, StatusCode, Uri, header};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::login::Login;
use super::members::{Members, complaint, read};
use crate::http_client::{Tls, Trust};
use crate::lock::LockSettings;
use crate::lock::backends::connection::Connection;
use crate::lock::backends::tls::Certificates;
use crate::lock::backends::user::User;
use crate::lock::contract::Failure;

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
        self.members.count()
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

/// The token is not known, or is older than the last change of users and roles.
fn has_ended(answer: &Response<Bytes>) -> bool {
    let is_refused = answer.status() != StatusCode::OK;
    is_refused && ENDED.iter().any(|complains| complaint(answer).contains(complains))
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
const ENDED: [&str; 2] = ["invalid auth token", "revision of auth store is old"];
