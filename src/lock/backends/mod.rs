//! The lock services, each in a file or folder of its own, and the choice between them.

mod connection;
mod etcd;
mod local;
mod postgres;
mod redis;
mod redlock;
mod tls;
mod user;
#[cfg(feature = "zookeeper")]
mod zookeeper;

#[cfg(test)]
mod tests;

use std::time::Duration;

use self::etcd::Etcd;
use self::local::Local;
use self::postgres::Postgres;
use self::redis::Redis;
use self::redlock::Redlock;
#[cfg(feature = "zookeeper")]
use self::zookeeper::ZooKeeper;
use super::LockSettings;
use super::contract::{Failure, Hold, Verb};
use super::inspect::{HealthProblem, HeldKey};
use super::server_clock::ServerClock;

/// A lock service.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "a process has one")]
pub(super) enum Backend {
    Local(Local),
    Redis(Redis),
    Redlock(Redlock),
    Postgres(Postgres),
    Etcd(Etcd),
    #[cfg(feature = "zookeeper")]
    ZooKeeper(ZooKeeper),
}

impl Backend {
    pub(super) fn new(settings: &LockSettings) -> Result<Self, String> {
        match settings.backend.as_str() {
            "local" => Ok(Self::Local(Local::default())),
            "redis" => Redis::new(settings).map(Self::Redis),
            "redlock" => Redlock::new(settings).map(Self::Redlock),
            "postgres" => Postgres::new(&settings.urls, settings.call_timeout).map(Self::Postgres),
            "etcd" => Etcd::new(settings).map(Self::Etcd),
            #[cfg(feature = "zookeeper")]
            "zookeeper" => ZooKeeper::new(settings).map(Self::ZooKeeper),
            #[cfg(not(feature = "zookeeper"))]
            "zookeeper" => {
                Err("lock.backend is \"zookeeper\", expected a program built with `--features zookeeper`"
                    .to_owned())
            }
            other => Err(format!("lock.backend is \"{other}\", expected one of: {}", NAMES.join(", "))),
        }
    }

    /// As in settings and metrics.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Local(_) => "local",
            Self::Redis(_) => "redis",
            Self::Redlock(_) => "redlock",
            Self::Postgres(_) => "postgres",
            Self::Etcd(_) => "etcd",
            #[cfg(feature = "zookeeper")]
            Self::ZooKeeper(_) => "zookeeper",
        }
    }

    /// Whether the service takes calls in the order in which they were begun.
    pub(super) fn keeps_order(&self) -> bool {
        match self {
            Self::Local(_) => true,
            Self::Redis(redis) => redis.keeps_order(),
            Self::Redlock(_) | Self::Postgres(_) | Self::Etcd(_) => false,
            #[cfg(feature = "zookeeper")]
            Self::ZooKeeper(_) => false,
        }
    }

    /// Returns when a call can be sent. What was begun goes on when the caller stops waiting.
    pub(super) async fn ready(&self) -> Result<(), Failure> {
        match self {
            Self::Local(_) | Self::Redlock(_) => Ok(()),
            Self::Redis(redis) => redis.ready().await,
            Self::Postgres(postgres) => postgres.ready().await,
            Self::Etcd(etcd) => etcd.ready().await,
            #[cfg(feature = "zookeeper")]
            Self::ZooKeeper(zookeeper) => zookeeper.ready().await,
        }
    }

    /// Does `verb` to all of `holds` in one round trip. For each: `None` where it was not done, else a number, which for
    /// [`Verb::Acquire`] is the fence: larger than that of any earlier holder of the key, or 0 where there is none.
    pub(super) async fn ask(
        &self,
        verb: Verb,
        holds: &[Hold],
        ttl: Duration,
    ) -> Result<Vec<Option<u64>>, Failure> {
        match self {
            Self::Local(local) => Ok(local.ask(verb, holds, ttl)),
            Self::Redis(redis) => redis.ask(verb, holds, ttl).await,
            Self::Redlock(redlock) => redlock.ask(verb, holds, ttl).await,
            Self::Postgres(postgres) => postgres.ask(verb, holds, ttl).await,
            Self::Etcd(etcd) => etcd.ask(verb, holds, ttl).await,
            #[cfg(feature = "zookeeper")]
            Self::ZooKeeper(zookeeper) => zookeeper.ask(verb, holds).await,
        }
    }

    pub(super) async fn health(&self) -> Vec<HealthProblem> {
        match self {
            Self::Local(_) => Vec::new(),
            Self::Redis(redis) => redis.health().await,
            Self::Redlock(redlock) => redlock.health().await,
            Self::Postgres(postgres) => postgres.health().await,
            Self::Etcd(etcd) => etcd.health().await,
            #[cfg(feature = "zookeeper")]
            Self::ZooKeeper(zookeeper) => zookeeper.health().await,
        }
    }

    /// The clocks of all servers that answer.
    pub(super) async fn clocks(&self) -> Vec<ServerClock> {
        match self {
            Self::Local(_) => Vec::new(),
            Self::Redis(redis) => redis.clocks().await,
            Self::Redlock(redlock) => redlock.clocks().await,
            Self::Postgres(postgres) => postgres.clocks().await,
            Self::Etcd(etcd) => etcd.clocks().await,
            #[cfg(feature = "zookeeper")]
            Self::ZooKeeper(zookeeper) => zookeeper.clocks().await,
        }
    }

    /// At least [`super::HELD_MAX`] of what is held, where there is as much.
    pub(super) async fn held(&self) -> Result<Vec<HeldKey>, Failure> {
        match self {
            Self::Local(local) => Ok(local.held()),
            Self::Redis(redis) => redis.held().await,
            Self::Redlock(redlock) => redlock.held().await,
            Self::Postgres(postgres) => postgres.held().await,
            Self::Etcd(etcd) => etcd.held().await,
            #[cfg(feature = "zookeeper")]
            Self::ZooKeeper(zookeeper) => zookeeper.held().await,
        }
    }
}

const NAMES: [&str; 6] = ["local", "redis", "redlock", "postgres", "etcd", "zookeeper"];
