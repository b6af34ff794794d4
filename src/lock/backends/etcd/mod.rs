//! Leases in etcd: keys bound to a lease of its own, which renews and frees them together.
//!
//! A key is put where its create revision is 0, by a plain transaction, never by the `Lock` call: up to 3.4 that answers
//! "locked" for a lease that has already expired (etcd issue 11456). The id of the lease is a part of our token, so
//! releasing is revoking, and can hit no later holder. The fence is the revision of the transaction.
//!
//! etcd counts in seconds and gives no lease below about two: a holder that vanished is noticed later than elsewhere.

mod gateway;
mod login;
mod members;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::super::LockSettings;
use super::super::contract::{Failure, Hold, Verb};
use super::super::inspect::{HELD_MAX, HealthProblem, HeldKey};
use super::super::server_clock::ServerClock;
use super::super::token::Token;
use gateway::Gateway;

/// One etcd cluster.
#[derive(Debug)]
pub(in crate::lock) struct Etcd {
    gateway: Arc<Gateway>,
}

impl Etcd {
    pub(super) fn new(settings: &LockSettings) -> Result<Self, String> {
        Ok(Self { gateway: Arc::new(Gateway::new(settings)?) })
    }

    pub(super) async fn ready(&self) -> Result<(), Failure> {
        self.gateway.ready().await
    }

    pub(super) async fn ask(
        &self,
        verb: Verb,
        holds: &[Hold],
        ttl: Duration,
    ) -> Result<Vec<Option<u64>>, Failure> {
        match verb {
            Verb::Acquire => self.acquire(holds, ttl).await,
            Verb::Extend => self.each_lease(holds, "/v3/lease/keepalive").await,
            Verb::Release => self.each_lease(holds, "/v3/lease/revoke").await,
        }
    }

    /// Two round trips: the lease, then all keys.
    async fn acquire(&self, holds: &[Hold], ttl: Duration) -> Result<Vec<Option<u64>>, Failure> {
        let Some(first) = holds.first() else { return Ok(Vec::new()) };
        let lease = first.token.lease_id();
        let seconds = ttl.as_millis().div_ceil(1000).to_string();
        let granted: Result<Value, _> =
            self.gateway.call("/v3/lease/grant", &json!({ "ID": lease.to_string(), "TTL": seconds })).await;
        match granted {
            Ok(_) => {}
            Err(Failure::Refused(reason)) if reason.contains("lease already exists") => {}
            Err(failure) => return Err(failure),
        }
        let mut parts = JoinSet::new();
        for (number, part) in holds.chunks(KEYS_PER_TRANSACTION).map(<[Hold]>::to_vec).enumerate() {
            let gateway = self.gateway.clone();
            parts.spawn(
                async move { put_where_free(&gateway, &part, lease).await.map(|taken| (number, taken)) },
            );
        }
        let mut taken = BTreeMap::new();
        while let Some(part) = parts.join_next().await {
            let (number, part) =
                part.map_err(|_| Failure::Unanswered("the call was cut off".to_owned()))??;
            taken.insert(number, part);
        }
        let taken: Vec<Option<u64>> = taken.into_values().flatten().collect();
        if taken.iter().all(Option::is_none) {
            let gateway = self.gateway.clone();
            // A lease without keys: nobody waits for its end.
            tokio::spawn(async move { gateway.call::<Value>("/v3/lease/revoke", &id(lease)).await });
        }
        Ok(taken)
    }

    /// One call for each of our leases, all at once. A lease that etcd does not know is not ours any more.
    async fn each_lease(&self, holds: &[Hold], path: &'static str) -> Result<Vec<Option<u64>>, Failure> {
        let mut calls = JoinSet::new();
        let leases: HashMap<i64, ()> = holds.iter().map(|hold| (hold.token.lease_id(), ())).collect();
        for lease in leases.into_keys() {
            let gateway = self.gateway.clone();
            calls.spawn(async move {
                match gateway.call::<KeptAlive>(path, &id(lease)).await {
                    Ok(KeptAlive { result: Some(Lease { ttl: None }) }) => Ok((lease, None)),
                    Ok(_) => Ok((lease, Some(0))),
                    Err(Failure::Refused(reason)) if reason.contains("lease not found") => Ok((lease, None)),
                    Err(failure) => Err(failure),
                }
            });
        }
        let mut done = HashMap::new();
        while let Some(call) = calls.join_next().await {
            let (lease, kept) =
                call.map_err(|_| Failure::Unanswered("the call was cut off".to_owned()))??;
            done.insert(lease, kept);
        }
        Ok(holds.iter().map(|hold| done.get(&hold.token.lease_id()).copied().flatten()).collect())
    }

    pub(super) async fn health(&self) -> Vec<HealthProblem> {
        let mut problems = Vec::new();
        for member in 0..self.gateway.members() {
            let place = entry(member);
            match self.gateway.call_member::<Alarms>(member, "/v3/maintenance/alarm", &json!({})).await {
                Ok(alarms) => problems.extend(alarms.alarms.into_iter().map(|alarm| {
                    HealthProblem::Failure(format!(
                        "{place}: etcd has the alarm {}, and refuses writes",
                        alarm.alarm
                    ))
                })),
                // A user of our keys alone may be refused the question.
                Err(Failure::Refused(reason)) if reason.contains("permission denied") => {}
                Err(failure) => problems
                    .push(HealthProblem::Failure(format!("{place}: etcd is not reachable: {failure}"))),
            }
        }
        problems
    }

    /// What each member writes over its answers, in whole seconds.
    pub(super) async fn clocks(&self) -> Vec<ServerClock> {
        let mut clocks = Vec::new();
        for member in 0..self.gateway.members() {
            clocks.extend(ServerClock::read(entry(member), SECOND, self.gateway.date(member)).await);
        }
        clocks
    }

    pub(super) async fn held(&self) -> Result<Vec<HeldKey>, Failure> {
        // All keys that begin with the prefix end before its successor.
        let end = format!("{}0", PREFIX.trim_end_matches('/'));
        let range = json!({ "key": BASE64.encode(PREFIX), "range_end": BASE64.encode(end), "limit": HELD_MAX.to_string() });
        let found: Range = self.gateway.call("/v3/kv/range", &range).await?;
        let mut left: HashMap<String, Duration> = HashMap::new();
        let mut held = Vec::with_capacity(found.kvs.len());
        for pair in found.kvs {
            if !left.contains_key(&pair.lease) {
                let lease: Lease =
                    self.gateway.call("/v3/lease/timetolive", &json!({ "ID": pair.lease })).await?;
                let seconds = lease.ttl.and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
                left.insert(pair.lease.clone(), Duration::from_secs(seconds));
            }
            let key = decoded(&pair.key);
            held.push(HeldKey {
                key: key.strip_prefix(PREFIX).unwrap_or(&key).to_owned(),
                owner: Token::owner(&decoded(&pair.value)),
                lapses_in: left.get(&pair.lease).copied().unwrap_or_default(),
            });
        }
        Ok(held)
    }
}

/// A transaction in which each key is decided by one of its own, so that those taken do not stop the others.
async fn put_where_free(gateway: &Gateway, holds: &[Hold], lease: i64) -> Result<Vec<Option<u64>>, Failure> {
    let decide = |hold: &Hold| {
        let key = BASE64.encode(format!("{PREFIX}{}", hold.key));
        let value = BASE64.encode(hold.token.as_str());
        json!({ "requestTxn": {
            "compare": [{ "key": key, "target": "CREATE", "result": "EQUAL", "createRevision": "0" }],
            "success": [{ "requestPut": { "key": key, "value": value, "lease": lease.to_string() } }],
            "failure": [{ "requestRange": { "key": key } }],
        } })
    };
    let decisions: Vec<Value> = holds.iter().map(decide).collect();
    let answer: Transaction = gateway.call("/v3/kv/txn", &json!({ "success": decisions })).await?;
    if answer.responses.len() != holds.len() {
        return Err(Failure::Refused(format!("{} answers for {} keys", answer.responses.len(), holds.len())));
    }
    let revision = answer.header.and_then(|header| header.revision.parse().ok());
    let taken = |(hold, response): (&Hold, Response)| {
        let decision = response.transaction?;
        if decision.succeeded {
            return revision;
        }
        // It was there: perhaps because this very call was sent before.
        let pair = decision.responses.into_iter().find_map(|response| response.range)?.kvs.pop()?;
        (decoded(&pair.value) == hold.token.as_str()).then(|| pair.create_revision.parse().ok()).flatten()
    };
    Ok(holds.iter().zip(answer.responses).map(taken).collect())
}

/// A member as people find it in their settings.
fn entry(member: usize) -> String {
    format!("entry {} of lock.urls", member + 1)
}

fn id(lease: i64) -> Value {
    json!({ "ID": lease.to_string() })
}

fn decoded(text: &str) -> String {
    String::from_utf8_lossy(&BASE64.decode(text).unwrap_or_default()).into_owned()
}

/// Numbers of 64 bits travel as text; zero, false and nothing are left out.
#[derive(Deserialize)]
struct Transaction {
    header: Option<Header>,
    #[serde(default)]
    succeeded: bool,
    #[serde(default)]
    responses: Vec<Response>,
}

#[derive(Deserialize)]
struct Header {
    #[serde(default)]
    revision: String,
}

#[derive(Deserialize)]
struct Response {
    #[serde(alias = "responseTxn", rename = "response_txn")]
    transaction: Option<Transaction>,
    #[serde(alias = "responseRange", rename = "response_range")]
    range: Option<Range>,
}

#[derive(Deserialize)]
struct Range {
    #[serde(default)]
    kvs: Vec<Pair>,
}

#[derive(Deserialize)]
struct Pair {
    key: String,
    #[serde(default)]
    value: String,
    #[serde(default, alias = "createRevision")]
    create_revision: String,
    #[serde(default)]
    lease: String,
}

#[derive(Deserialize)]
struct KeptAlive {
    result: Option<Lease>,
}

#[derive(Deserialize)]
struct Lease {
    #[serde(rename = "TTL")]
    ttl: Option<String>,
}

#[derive(Deserialize)]
struct Alarms {
    #[serde(default)]
    alarms: Vec<Alarm>,
}

#[derive(Deserialize)]
struct Alarm {
    #[serde(default)]
    alarm: String,
}

/// Before every key of ours.
const PREFIX: &str = "paylatch/lock/";
/// Below etcd's own limit of operations (`--max-txn-ops`, 128), which counts the level inside too.
const KEYS_PER_TRANSACTION: usize = 100;
const SECOND: Duration = Duration::from_secs(1);
