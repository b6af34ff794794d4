//! The table `[http]`: limits of the public listener, and what secures it.

use super::reader::Reader;
use crate::http::{HttpSettings, Tls, TlsFiles, TlsProblem, TrustedProxies};
use crate::network::Network;

/// The whole table.
pub(super) fn take(reader: &mut Reader) -> HttpSettings {
    let connections_max = reader.count("http.connections_max", 1_024, 1..=1_000_000);
    HttpSettings {
        body_bytes_max: reader.count("http.body_bytes_max", 1 << 20, 1_024..=64 << 20), // 1 MiB
        connections_max,
        connections_per_peer_max: reader.count(
            "http.connections_per_peer_max",
            connections_max.div_ceil(2),
            0..=1_000_000,
        ),
        idle: reader.millis("http.idle_ms", 75_000, 1_000..=3_600_000),
        trusted_proxies: take_trusted_proxies(reader),
        drain: reader.millis("http.drain_ms", 0, 0..=300_000),
        body_bytes_in_flight_max: reader.count("http.body_bytes_in_flight_max", 32 << 20, 1_024..=16 << 30), // 32 MiB
        tls: take_tls(reader),
    }
}

fn take_trusted_proxies(reader: &mut Reader) -> TrustedProxies {
    let texts = reader.list("http.trusted_proxies");
    let networks: Vec<_> = texts.iter().filter_map(|text| text.trim().parse::<Network>().ok()).collect();
    if networks.len() < texts.len() {
        reader.object(
            "http.trusted_proxies",
            "expected networks or addresses, such as 10.0.0.0/8 or 192.0.2.1",
        );
    }
    networks.into_iter().collect()
}

/// What the public listener is secured with, read here: a file that cannot be used is a mistake like any other.
fn take_tls(reader: &mut Reader) -> Option<Tls> {
    let (cert, key) = match (reader.path("http.tls_cert_file"), reader.path("http.tls_key_file")) {
        (Some(cert), Some(key)) => (cert, key),
        (None, None) => return None,
        (Some(_), None) => {
            reader.object("http.tls_key_file", "expected it beside http.tls_cert_file");
            return None;
        }
        (None, Some(_)) => {
            reader.object("http.tls_cert_file", "expected it beside http.tls_key_file");
            return None;
        }
    };
    Tls::read(&TlsFiles { cert, key })
        .map_err(|problem| match problem {
            TlsProblem::Cert(problem) => reader.object("http.tls_cert_file", problem),
            TlsProblem::Key(problem) => reader.object("http.tls_key_file", problem),
        })
        .ok()
}
