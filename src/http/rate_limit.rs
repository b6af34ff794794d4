//! A rate limit for each client and for all clients together, so that none uses up what is there for the others.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::peers::Peer;

/// Clients that are counted apart; in a span with more of them, the rest has nothing.
const CLIENTS_MAX: usize = 4_096;

/// So many times for each client, and for all of them together, in a span of time.
#[derive(Debug)]
pub(super) struct RateLimit {
    of_client: u32,
    of_all: u32,
    span: Duration,
    used: Mutex<Used>,
}

#[derive(Debug)]
struct Used {
    since: Instant,
    by_all: u32,
    by_client: HashMap<Peer, u32>,
}

impl RateLimit {
    pub(super) fn new(of_client: u32, of_all: u32, span: Duration) -> Self {
        let used = Used { since: Instant::now(), by_all: 0, by_client: HashMap::new() };
        Self { of_client, of_all, span, used: Mutex::new(used) }
    }

    /// Takes one for `client`, if there is one.
    pub(super) fn take(&self, client: Peer, now: Instant) -> bool {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        if now.duration_since(used.since) >= self.span {
            *used = Used { since: now, by_all: 0, by_client: HashMap::new() };
        }
        let Used { by_all, by_client, .. } = &mut *used;
        if *by_all >= self.of_all || (by_client.len() >= CLIENTS_MAX && !by_client.contains_key(&client)) {
            return false;
        }
        let own = by_client.entry(client).or_default();
        let is_left = *own < self.of_client;
        if is_left {
            *own += 1;
            *by_all += 1;
        }
        is_left
    }
}

#[cfg(test)]
mod tests {
    use super::{CLIENTS_MAX, Duration, Instant, Peer, RateLimit};

    fn client(number: usize) -> Peer {
        Peer::of(std::net::Ipv4Addr::from_bits(u32::try_from(number).unwrap()).into())
    }

    #[test]
    fn one_client_cannot_use_up_what_is_there_for_others() {
        let (limit, start) = (RateLimit::new(2, 4, Duration::from_secs(1)), Instant::now());
        let take = |number| limit.take(client(number), start);
        assert_eq!([take(1), take(1), take(1)], [true, true, false]);
        assert_eq!([take(2), take(3), take(4)], [true, true, false], "four for all");
        let later = start + Duration::from_secs(1);
        assert!(limit.take(client(1), later), "and again in the next span");
    }

    #[test]
    fn any_number_of_clients_takes_bounded_memory() {
        let (limit, start) = (RateLimit::new(1, u32::MAX, Duration::from_secs(60)), Instant::now());
        let given = (0..10 * CLIENTS_MAX).filter(|number| limit.take(client(*number), start)).count();
        assert_eq!(given, CLIENTS_MAX);
        assert_eq!(limit.used.lock().unwrap().by_client.len(), CLIENTS_MAX);
    }
}
