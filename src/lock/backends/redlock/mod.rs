//! Leases in several independent Redis servers: held while a majority says so.
//!
//! Source: "Distributed Locks with Redis", redis.io, section "The Redlock Algorithm". All nodes are asked at once, each
//! with its own timeout; the answer is given as soon as a majority has decided every key, or can no longer. How long the
//! lease is valid is counted from before the question, less the drift (`crate::lock::held_leases::Term`). Keys without a majority
//! are released on all nodes, those included that never answered.
//!
//! The fence is 0: no number that one node issues orders the holders of several.

mod quorum;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use self::quorum::{NodeReply, Quorum};
use super::super::LockSettings;
use super::super::contract::{Failure, Hold, Verb};
use super::super::inspect::{HealthProblem, HeldKey};
use super::super::meter;
use super::super::server_clock::ServerClock;
use super::redis::Redis;
use crate::secret::Secret;

/// Three or five servers that know nothing of each other.
#[derive(Debug)]
pub(in crate::lock) struct Redlock {
    nodes: Vec<Arc<Node>>,
    node_timeout: Duration,
}

#[derive(Debug)]
struct Node {
    /// Its place in `lock.urls`.
    place: usize,
    redis: Redis,
    /// Which servers the nodes turned out to be.
    run_ids: Arc<Mutex<Vec<Option<String>>>>,
}

impl Redlock {
    pub(super) fn new(settings: &LockSettings) -> Result<Self, String> {
        let LockSettings { urls, call_timeout, .. } = settings;
        if !matches!(urls.len(), 3 | 5) {
            return Err(format!(
                "lock.urls has {} entries, expected 3 or 5 for lock.backend = \"redlock\"",
                urls.len()
            ));
        }
        let run_ids = Arc::new(Mutex::new(vec![None; urls.len()]));
        let settings_of_a_node =
            LockSettings { call_timeout: call_timeout.mul_f64(ANSWER_SHARE), ..settings.clone() };
        let node = |(place, url): (usize, &Secret)| {
            let redis = Redis::server(url, &settings_of_a_node)?;
            Ok(Arc::new(Node { place, redis, run_ids: run_ids.clone() }))
        };
        let nodes = urls.iter().enumerate().map(node).collect::<Result<_, String>>()?;
        Ok(Self { nodes, node_timeout: call_timeout.mul_f64(NODE_SHARE) })
    }

    pub(super) async fn ask(
        &self,
        verb: Verb,
        holds: &[Hold],
        ttl: Duration,
    ) -> Result<Vec<Option<u64>>, Failure> {
        let mut replies = self.send(verb, holds.into(), ttl);
        let mut quorum = Quorum::new(self.nodes.len(), holds.len());
        while !quorum.is_decided() {
            let Some(reply) = replies.recv().await else { break };
            quorum.count(reply);
        }
        let won = quorum.result()?;
        if verb == Verb::Acquire {
            let split: Arc<[Hold]> = holds
                .iter()
                .zip(&won)
                .filter(|(_, won)| won.is_none())
                .map(|(hold, _)| hold.clone())
                .collect();
            if !split.is_empty() {
                // Nobody waits for this: keys whose release a node misses lapse there.
                drop(self.send(Verb::Release, split, ttl));
            }
        }
        Ok(won)
    }

    /// Asks every node. Each call goes to its end, whether or not its reply is still needed.
    fn send(&self, verb: Verb, holds: Arc<[Hold]>, ttl: Duration) -> mpsc::Receiver<NodeReply> {
        let (sender, replies) = mpsc::channel(self.nodes.len());
        for node in &self.nodes {
            let (node, holds, sender, node_timeout) =
                (node.clone(), holds.clone(), sender.clone(), self.node_timeout);
            tokio::spawn(async move {
                let asked_at = Instant::now();
                let reply = timeout(node_timeout, node.ask(verb, &holds, ttl)).await.unwrap_or_else(|_| {
                    Err(Failure::Unanswered(format!("no answer within {} ms", node_timeout.as_millis())))
                });
                let done = reply.as_ref().ok().map(|done| done.iter().any(Option::is_some));
                meter::vote(node.place, done, asked_at.elapsed());
                drop(sender.send(reply).await);
            });
        }
        replies
    }
}

/// For people.
impl Redlock {
    /// What each node says.
    pub(super) async fn health(&self) -> Vec<HealthProblem> {
        let mut problems = Vec::new();
        for node in &self.nodes {
            let mut said = node.redis.health().await;
            if let Ok(Some(run_id)) = node.redis.run_id().await {
                said.extend(
                    node.identify(run_id).err().map(|failure| HealthProblem::Failure(failure.to_string())),
                );
            }
            problems.extend(said.into_iter().map(|problem| problem.of(&node.entry())));
        }
        problems
    }

    pub(super) async fn clocks(&self) -> Vec<ServerClock> {
        let mut clocks = Vec::new();
        for node in &self.nodes {
            for mut clock in node.redis.clocks().await {
                clock.server = node.entry();
                clocks.push(clock);
            }
        }
        clocks
    }

    /// What a majority holds for one owner.
    pub(super) async fn held(&self) -> Result<Vec<HeldKey>, Failure> {
        let (mut found, mut failures) = (HashMap::<(String, String), Vec<Duration>>::new(), Vec::new());
        for node in &self.nodes {
            match node.redis.held().await {
                Ok(held) => held.into_iter().for_each(|held| {
                    found.entry((held.key, held.owner)).or_default().push(held.lapses_in);
                }),
                Err(failure) => failures.push(failure),
            }
        }
        let majority = self.nodes.len() / 2 + 1;
        if self.nodes.len() - failures.len() < majority {
            return Err(failures.swap_remove(0));
        }
        let held = found.into_iter().filter(|(_, nodes)| nodes.len() >= majority);
        let entry = |((key, owner), mut left): (_, Vec<Duration>)| {
            // It lapses when it loses its majority.
            left.sort_unstable_by(|one, other| other.cmp(one));
            HeldKey { key, owner, lapses_in: left.get(majority - 1).copied().unwrap_or_default() }
        };
        Ok(held.map(entry).collect())
    }
}

impl Node {
    /// As people find it in their settings.
    fn entry(&self) -> String {
        format!("entry {} of lock.urls", self.place + 1)
    }

    async fn ask(&self, verb: Verb, holds: &[Hold], ttl: Duration) -> NodeReply {
        if let Some(run_id) = self.redis.run_id().await? {
            self.identify(run_id)?;
        }
        self.redis.ask(verb, holds, ttl).await
    }

    /// One server under two addresses would be a majority of its own: it has one vote, that of its first address.
    fn identify(&self, run_id: String) -> Result<(), Failure> {
        let mut run_ids = self.run_ids.lock().unwrap_or_else(PoisonError::into_inner);
        let duplicate_of = run_ids.iter().take(self.place).position(|other| other.as_ref() == Some(&run_id));
        if let Some(duplicate_of) = duplicate_of {
            return Err(Failure::Refused(format!(
                "entries {} and {} of lock.urls are one server, expected independent ones",
                duplicate_of + 1,
                self.place + 1
            )));
        }
        if let Some(own) = run_ids.get_mut(self.place) {
            *own = Some(run_id);
        }
        Ok(())
    }
}

/// The part of `call_timeout` that a node's answer may take; then its connection is closed.
const ANSWER_SHARE: f64 = 0.7;
/// The part that a node has altogether, connecting included, so that the rest of the call fits too.
const NODE_SHARE: f64 = 0.8;
