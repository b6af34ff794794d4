//! Leases in Redis: `SET key token PX ttl` where the key is free, and a compare of the owner before anything else.
//!
//! Source of the algorithm: "Distributed Locks with Redis", redis.io, section "Correct implementation with a single
//! instance". What dies with the server is gone: two may then hold one key until the first one's TTL.

mod address;
mod inspect;
mod script;

use std::collections::HashMap;
use std::time::Duration;

use ::redis::RedisError;
use ::redis::cluster_async::ClusterConnection;
use ::redis::cluster_routing::Slot;
use tokio::task::JoinSet;

use super::super::LockSettings;
use super::super::contract::{Failure, Hold, Verb};
use super::connection::Connection;
use crate::secret::Secret;
use address::{Address, Wire};

/// One server, a Cluster, or the master that Sentinel names.
#[derive(Debug)]
pub(in crate::lock) struct Redis {
    connection: Connection<Address>,
}

impl Redis {
    pub(super) fn new(settings: &LockSettings) -> Result<Self, String> {
        Ok(Self { connection: Connection::new(Address::new(settings)?) })
    }

    /// One server: no Cluster, no Sentinel.
    pub(super) fn server(url: &Secret, settings: &LockSettings) -> Result<Self, String> {
        Ok(Self { connection: Connection::new(Address::server(url, settings)?) })
    }

    /// One connection carries all calls to a server; a Cluster has one for each node, and calls are split over them.
    pub(super) fn keeps_order(&self) -> bool {
        !self.connection.address().is_cluster()
    }

    pub(super) async fn ready(&self) -> Result<(), Failure> {
        self.connection.open().await.map(drop)
    }

    pub(super) async fn ask(
        &self,
        verb: Verb,
        holds: &[Hold],
        ttl: Duration,
    ) -> Result<Vec<Option<u64>>, Failure> {
        let open = self.connection.open().await?;
        let answered = match open.wire.clone() {
            Wire::Server(mut connection) => {
                let answer = script::pipeline(verb, holds, ttl).query_async(&mut connection).await;
                answer.map_err(failure).and_then(|answer| read(holds, answer))
            }
            Wire::Cluster(connection) => in_every_slot(&connection, verb, holds, ttl).await,
        };
        answered.inspect_err(|_| self.connection.close(&open))
    }
}

/// A script may touch one slot only, so each slot gets its own; all are on their way together.
async fn in_every_slot(
    connection: &ClusterConnection,
    verb: Verb,
    holds: &[Hold],
    ttl: Duration,
) -> Result<Vec<Option<u64>>, Failure> {
    let mut by_slot: HashMap<Slot, Vec<usize>> = HashMap::new();
    for (place, hold) in holds.iter().enumerate() {
        by_slot.entry(Slot::for_key(script::key(hold))).or_default().push(place);
    }
    let mut calls = JoinSet::new();
    for places in by_slot.into_values() {
        let part: Vec<Hold> = places.iter().filter_map(|place| holds.get(*place).cloned()).collect();
        let mut connection = connection.clone();
        calls.spawn(async move {
            let answer = script::pipeline(verb, &part, ttl).query_async(&mut connection).await;
            (places, answer.map_err(failure).and_then(|answer| read(&part, answer)))
        });
    }
    let mut done = vec![None; holds.len()];
    while let Some(call) = calls.join_next().await {
        let (places, answer) = call.map_err(|_| Failure::Unanswered("the call was cut off".to_owned()))?;
        for (place, one) in places.into_iter().zip(answer?) {
            if let Some(slot) = done.get_mut(place) {
                *slot = one;
            }
        }
    }
    Ok(done)
}

/// The answers of all scripts of a pipeline, in the order of the keys.
fn read(holds: &[Hold], parts: Vec<Vec<u64>>) -> Result<Vec<Option<u64>>, Failure> {
    let done: Vec<Option<u64>> = parts.concat().into_iter().map(|done| (done > 0).then_some(done)).collect();
    if done.len() == holds.len() {
        return Ok(done);
    }
    Err(Failure::Refused(format!("{} answers for {} keys", done.len(), holds.len())))
}

/// A server that answers with an error has decided; anything else leaves it open what happened.
fn failure(error: RedisError) -> Failure {
    let text = error.to_string();
    match error.into_server_errors() {
        Some(errors) => Failure::Refused(errors.first().map_or(text, |(_, error)| error.to_string())),
        None => Failure::Unanswered(text),
    }
}
