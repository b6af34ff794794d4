//! Leases in Redis: `SET key token PX ttl` where the key is free, and a compare of the owner before anything else.
//!
//! Source of the algorithm: "Distributed Locks with Redis", redis.io, section "Correct implementation with a single
//! instance". What dies with the server is gone: two may then hold one key until the first one's TTL.

mod link;
mod script;

use std::time::Duration;

use super::backend::{Failure, Hold, Verb};
use crate::secret::Secret;
use link::Link;

/// One server.
#[derive(Debug)]
pub(super) struct Redis {
    link: Link,
}

impl Redis {
    pub(super) fn new(urls: &[Secret], call_timeout: Duration) -> Result<Self, String> {
        let [url] = urls else {
            return Err(format!(
                "lock.urls has {} entries, expected one for lock.backend = \"redis\"",
                urls.len()
            ));
        };
        Ok(Self { link: Link::new(url, call_timeout)? })
    }

    pub(super) async fn ready(&self) -> Result<(), Failure> {
        self.link.connection().await.map(drop)
    }

    pub(super) async fn ask(&self, verb: Verb, holds: &[Hold], ttl: Duration) -> Result<Vec<bool>, Failure> {
        let parts: Vec<Vec<bool>> = self.link.send(&script::pipeline(verb, holds, ttl)).await?;
        let done = parts.concat();
        if done.len() == holds.len() {
            return Ok(done);
        }
        Err(Failure::Refused(format!("{} answers for {} keys", done.len(), holds.len())))
    }
}
