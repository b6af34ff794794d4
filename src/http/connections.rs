//! The open connections of a listener: how many each peer has, and which of them give way when there is no room.
//!
//! A connection whose request is in work never gives way. One that waits for a request, or whose refusal is held back, does:
//! first of the peer that has most, and of these the one that has waited longest.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use metrics::counter;
use tokio_util::sync::CancellationToken;

use super::peers::{Peer, TrustedProxies};
use super::progress::{Doing, Progress};

/// One of so many waiting connections ends when all are open: looking for them takes as long as there are connections.
const GIVE_WAY_ONE_IN: usize = 64;

/// All that are open. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Connections(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    listener: &'static str,
    per_peer_max: usize,
    trusted: TrustedProxies,
    /// Cancelled with the listener; each connection has a child of it.
    ends: CancellationToken,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    last_id: u64,
    connections: HashMap<u64, Connection>,
    of_peer: HashMap<Peer, usize>,
}

#[derive(Debug)]
struct Connection {
    /// None is a trusted proxy, which is not counted.
    peer: Option<Peer>,
    progress: Arc<Progress>,
    ends: CancellationToken,
}

/// Counts a connection among those that are open, until it is dropped.
#[derive(Debug)]
pub(super) struct ConnectionGuard {
    id: u64,
    connections: Connections,
    /// Cancelled when it has to give way, and with the listener.
    pub(super) ends: CancellationToken,
}

impl Connections {
    /// `per_peer_max` 0 is no limit. All of them end with `ends`.
    pub(super) fn new(
        listener: &'static str,
        per_peer_max: usize,
        trusted: TrustedProxies,
        ends: CancellationToken,
    ) -> Self {
        Self(Arc::new(Shared { listener, per_peer_max, trusted, ends, open: Mutex::default() }))
    }

    /// Takes a place for a connection from `address`; of a peer that has all it may have, one that waits gives way to it,
    /// and if none does, there is no place.
    pub(super) fn enter(&self, address: IpAddr, progress: &Arc<Progress>) -> Option<ConnectionGuard> {
        let Shared { listener, per_peer_max, trusted, ends, .. } = &*self.0;
        let peer = (!trusted.contains(address)).then(|| Peer::of(address));
        let mut open = self.open();
        let is_full = |open: &Open| {
            let own = peer.and_then(|peer| open.of_peer.get(&peer)).copied().unwrap_or_default();
            *per_peer_max > 0 && own >= *per_peer_max
        };
        if is_full(&open) {
            open.give_way(1, |connection| connection.peer == peer, listener);
        }
        if is_full(&open) {
            counter!("paylatch_connections_refused_total", "listener" => *listener).increment(1);
            return None;
        }
        if let Some(peer) = peer {
            *open.of_peer.entry(peer).or_default() += 1;
        }
        open.last_id += 1;
        let (id, ends) = (open.last_id, ends.child_token());
        let connection = Connection { peer, progress: Arc::clone(progress), ends: ends.clone() };
        open.connections.insert(id, connection);
        Some(ConnectionGuard { id, connections: self.clone(), ends })
    }

    /// Makes room where no more connections may be open.
    pub(super) fn make_room(&self) {
        let mut open = self.open();
        let how_many = open.connections.len() / GIVE_WAY_ONE_IN + 1;
        open.give_way(how_many, |_| true, self.0.listener);
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Open> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Ends the waiting connections that can be spared most of those that are `eligible`.
    fn give_way(&mut self, how_many: usize, eligible: impl Fn(&Connection) -> bool, listener: &'static str) {
        let mut waiting: Vec<_> = self
            .connections
            .iter()
            .filter(|(_, connection)| eligible(connection))
            .filter_map(|(id, connection)| {
                let (doing, since) = connection.progress.get();
                let of_peer = connection.peer.and_then(|peer| self.of_peer.get(&peer)).copied();
                (doing != Doing::Busy).then_some((Reverse(of_peer), since, *id))
            })
            .collect();
        waiting.sort_unstable();
        for (.., id) in waiting.into_iter().take(how_many) {
            counter!("paylatch_connections_given_way_total", "listener" => listener).increment(1);
            if let Some(connection) = self.remove(id) {
                connection.ends.cancel();
            }
        }
    }

    fn remove(&mut self, id: u64) -> Option<Connection> {
        let connection = self.connections.remove(&id)?;
        if let Some(peer) = connection.peer
            && let Some(own) = self.of_peer.get_mut(&peer)
        {
            *own -= 1;
            if *own == 0 {
                self.of_peer.remove(&peer);
            }
        }
        Some(connection)
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        let _it_may_have_given_way = self.connections.open().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::{CancellationToken, ConnectionGuard, Connections, Doing, IpAddr, Progress, TrustedProxies};

    fn new(per_peer_max: usize, trusted: TrustedProxies) -> Connections {
        Connections::new("public", per_peer_max, trusted, CancellationToken::new())
    }

    fn address(last: u8) -> IpAddr {
        [127, 0, 0, last].into()
    }

    fn enter(connections: &Connections, last: u8, doing: Doing) -> Option<ConnectionGuard> {
        let progress = Arc::new(Progress::new(Duration::from_secs(75)));
        progress.set(doing);
        connections.enter(address(last), &progress)
    }

    #[test]
    fn a_peer_has_no_more_than_its_share_and_no_other_is_refused_for_it() {
        let connections = new(2, ["127.0.0.9".parse().unwrap()].into_iter().collect());
        let of = |last| enter(&connections, last, Doing::Busy);
        let own = [of(1), of(1)];
        assert!(own.iter().all(Option::is_some) && of(1).is_none());
        assert!(of(2).is_some());
        let proxied = [of(9), of(9), of(9)];
        assert!(proxied.iter().all(Option::is_some), "a trusted proxy is not counted");
        drop(own);
        assert!(of(1).is_some());
    }

    #[test]
    fn the_peer_with_most_connections_gives_way_first_and_none_whose_request_is_in_work() {
        let connections = new(0, TrustedProxies::default());
        let few = enter(&connections, 1, Doing::Idle).unwrap();
        std::thread::sleep(Duration::from_millis(5));
        let busy = enter(&connections, 2, Doing::Busy).unwrap();
        let (one, other) =
            (enter(&connections, 2, Doing::Fresh).unwrap(), enter(&connections, 2, Doing::HeldBack).unwrap());
        let gone = || [&few, &busy, &one, &other].map(|open| open.ends.is_cancelled());

        connections.make_room();
        assert_eq!(gone().iter().filter(|gone| **gone).count(), 1);
        connections.make_room();
        connections.make_room();
        connections.make_room();
        assert_eq!(gone(), [true, false, true, true]);
    }

    #[test]
    fn a_peer_at_its_limit_makes_room_for_itself() {
        let connections = new(1, TrustedProxies::default());
        let idle = enter(&connections, 1, Doing::Idle).unwrap();
        let next = enter(&connections, 1, Doing::Busy);
        assert!(next.is_some() && idle.ends.is_cancelled());
        drop(idle);
        assert!(enter(&connections, 1, Doing::Busy).is_none(), "it is not counted out twice");
    }
}
