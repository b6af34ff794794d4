//! Who sends: the peer at the other end of a connection, or the client behind a proxy that is trusted to name it.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use axum::http::HeaderMap;

use crate::network::Network;

/// Proxies between a client and here that are looked through.
const HOPS_MAX: usize = 16;
const FORWARDED_FOR: &str = "x-forwarded-for";

/// Whom limits count for: an IPv4 address, or the /64 of an IPv6 one, for whoever has one address of it has them all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Peer(IpAddr);

impl Peer {
    pub(super) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.into()),
            IpAddr::V6(address) => Self(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(address) => address.fmt(f),
            IpAddr::V6(address) => write!(f, "{address}/64"),
        }
    }
}

/// The proxies whose word for their client's address is taken. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct TrustedProxies(Arc<[Network]>);

impl FromIterator<Network> for TrustedProxies {
    fn from_iter<I: IntoIterator<Item = Network>>(networks: I) -> Self {
        Self(networks.into_iter().collect())
    }
}

impl TrustedProxies {
    pub(super) fn contains(&self, address: IpAddr) -> bool {
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client of a request that came from `connected`: the last address of `X-Forwarded-For` that is not a trusted
    /// proxy's. What stands before it is the client's own word, and counts for nothing.
    pub(super) fn client(&self, connected: IpAddr, headers: &HeaderMap) -> Peer {
        let mut client = connected;
        let lines = headers.get_all(FORWARDED_FOR).iter().rev();
        let mut hops = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(',')).take(HOPS_MAX);
        while self.contains(client) {
            match hops.next().and_then(address) {
                Some(before) => client = before,
                None => break,
            }
        }
        Peer::of(client)
    }
}

/// An address, with or without a port.
fn address(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|address| address.ip()))
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, Peer, TrustedProxies};

    fn peer(text: &str) -> Peer {
        Peer::of(text.parse().unwrap())
    }

    #[test]
    fn an_address_and_its_ipv6_network_are_one_peer() {
        assert_eq!(peer("::ffff:10.0.0.1"), peer("10.0.0.1"));
        assert_eq!(peer("2001:db8::1"), peer("2001:db8::ffff:ffff:ffff:ffff"));
        assert_ne!(peer("2001:db8::1"), peer("2001:db8:0:1::1"));
        assert_eq!(peer("2001:db8::1").to_string(), "2001:db8::/64");
    }

    #[test]
    fn the_client_is_the_last_address_that_no_trusted_proxy_has() {
        let trusted: TrustedProxies =
            ["10.0.0.0/8", "192.0.2.1"].map(|text| text.parse().unwrap()).into_iter().collect();
        let client = |connected: &str, lines: &[&str]| {
            let name = axum::http::HeaderName::from_static(super::FORWARDED_FOR);
            let headers: HeaderMap = lines.iter().map(|line| (name.clone(), line.parse().unwrap())).collect();
            trusted.client(connected.parse().unwrap(), &headers)
        };
        for (connected, lines, expected) in [
            ("203.0.113.9", &["198.51.100.1"][..], "203.0.113.9"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["198.51.100.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, 198.51.100.1, 10.3.0.1,192.0.2.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1", "198.51.100.1:4711", "10.3.0.1"], "198.51.100.1"),
            ("10.0.0.1", &["1.1.1.1, nonsense, 10.3.0.1"], "10.3.0.1"),
        ] {
            assert_eq!(client(connected, lines), peer(expected), "{connected} {lines:?}");
        }
    }
}
