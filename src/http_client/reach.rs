//! Which addresses a client connects to: a name leads where its owner wants, also into this network.
//!
//! The address that was checked is the one that is connected to, for the check stands between the look-up and the connection.
//! Addresses in a URL are never looked up, and are checked before.

use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::vec;

use hyper_util::client::legacy::connect::dns::{GaiResolver, Name};
use tower::Service;

use crate::network::Network;

/// Where a client may connect to. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reach {
    rules: Option<Arc<Rules>>,
}

#[derive(Debug)]
struct Rules {
    /// Nobody listens on the way: TLS, so that an address outside this machine will do.
    is_encrypted: bool,
    /// May be reached whatever they are.
    allowed: Vec<Network>,
}

impl Reach {
    /// Everything but the addresses that only mean this machine's own surroundings: link-local ones, among them those where
    /// clouds hand out credentials. Without TLS this machine alone. And what is `allowed`.
    pub(crate) fn guarded(is_encrypted: bool, allowed: Vec<Network>) -> Self {
        Self { rules: Some(Arc::new(Rules { is_encrypted, allowed })) }
    }

    /// # Errors
    /// Why this address is not connected to.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), String> {
        let Some(rules) = &self.rules else { return Ok(()) };
        let real = embedded(address);
        if rules.allowed.iter().any(|network| network.contains(address) || network.contains(real)) {
            return Ok(());
        }
        if is_of_no_other_machine(real) {
            return Err(format!("{address} is link-local, a metadata service, or no address of one machine"));
        }
        if !rules.is_encrypted && !real.is_loopback() {
            return Err(format!("{address} is not this machine: use https"));
        }
        Ok(())
    }

    /// The same of the address that stands in a URL as its host; a name is checked when it was looked up.
    ///
    /// # Errors
    /// Why this address is not connected to.
    pub(crate) fn check_host(&self, host: &str) -> Result<(), String> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host.parse().map_or(Ok(()), |address| self.check(address))
    }
}

/// Looks names up, and lets no answer through that has an address which must not be reached.
#[derive(Debug, Clone)]
pub(super) struct GuardedResolver {
    system: GaiResolver,
    reach: Reach,
}

impl GuardedResolver {
    pub(super) fn new(reach: Reach) -> Self {
        Self { system: GaiResolver::new(), reach }
    }
}

impl Service<Name> for GuardedResolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.system.poll_ready(context)
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let (found, reach) = (self.system.call(name), self.reach.clone());
        Box::pin(async move {
            let addresses: Vec<SocketAddr> = found.await?.collect();
            match addresses.iter().find_map(|address| reach.check(address.ip()).err()) {
                None => Ok(addresses.into_iter()),
                Some(refusal) => Err(io::Error::other(refusal)),
            }
        })
    }
}

/// The IPv4 address that this one leads to, where it is one of those that only carry another.
fn embedded(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address.to_canonical() else { return address.to_canonical() };
    let bits = v6.to_bits();
    let v4 = |shift: u32| IpAddr::V4(Ipv4Addr::from_bits((bits >> shift) as u32));
    match v6.segments() {
        [0x64, 0xff9b, 0, 0, 0, 0, ..] | [0x64, 0xff9b, 1, ..] => v4(0), // NAT64, RFC 6052 and 8215
        [0x2002, ..] => v4(80),                                          // 6to4, RFC 3056
        [0, 0, 0, 0, 0, 0, high, _] if high != 0 => v4(0),               // IPv4-compatible, RFC 4291
        _ => address,
    }
}

/// What stands for this machine's surroundings, for many machines, or for none.
fn is_of_no_other_machine(address: IpAddr) -> bool {
    /// Metadata services outside the link-local networks: Alibaba's, Oracle's, Azure's, AWS', Google's.
    const METADATA: [IpAddr; 5] = [
        IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
        IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
        IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
        IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
        IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    ];
    let is_special = match address {
        IpAddr::V4(v4) => v4.is_link_local() || v4.octets()[0] == 0 || v4.octets()[0] >= 240,
        IpAddr::V6(v6) => v6.is_unicast_link_local() || v6.is_unspecified(),
    };
    is_special || address.is_multicast() || METADATA.contains(&address)
}

#[cfg(test)]
mod tests {
    use super::Reach;

    fn refused(reach: &Reach, host: &str) -> bool {
        reach.check_host(host).is_err()
    }

    #[test]
    fn link_local_and_metadata_addresses_are_never_reached_however_they_are_written() {
        let reach = Reach::guarded(true, Vec::new());
        for host in [
            "169.254.169.254",
            "169.254.0.1",
            "[::ffff:169.254.169.254]",
            "[::ffff:a9fe:a9fe]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::a9fe:a9fe]",
            "[2002:a9fe:a9fe::1]",
            "[::a9fe:a9fe]",
            "[fe80::1]",
            "[fd00:ec2::254]",
            "[fd20:ce::254]",
            "100.100.100.200",
            "192.0.0.192",
            "168.63.129.16",
            "0.0.0.0",
            "0.1.2.3",
            "[::]",
            "224.0.0.1",
            "[ff02::1]",
            "255.255.255.255",
            "240.0.0.1",
        ] {
            assert!(refused(&reach, host), "{host}");
        }
        for host in ["192.0.2.1", "10.0.0.7", "127.0.0.1", "[::1]", "[2001:db8::1]", "[64:ff9b::c000:201]"] {
            assert!(!refused(&reach, host), "{host}");
        }
    }

    #[test]
    fn without_tls_only_this_machine_is_reached_and_what_is_allowed() {
        let reach = Reach::guarded(false, Vec::new());
        for (host, is_refused) in [
            ("127.0.0.1", false),
            ("127.9.9.9", false),
            ("[::1]", false),
            ("[::ffff:127.0.0.1]", false),
            ("10.0.0.7", true),
            ("192.0.2.1", true),
            ("[2002:7f00:1::]", false),
        ] {
            assert_eq!(refused(&reach, host), is_refused, "{host}");
        }
        let allowed = ["10.0.0.0/8", "169.254.170.2"].map(|network| network.parse().unwrap()).to_vec();
        let reach = Reach::guarded(false, allowed);
        for (host, is_refused) in [
            ("10.0.0.7", false),
            ("[::ffff:10.0.0.7]", false),
            ("169.254.170.2", false),
            ("169.254.169.254", true),
            ("192.168.0.1", true),
        ] {
            assert_eq!(refused(&reach, host), is_refused, "{host}");
        }
    }
}
