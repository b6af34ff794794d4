//! Which machine a URL leads to.

use std::net::IpAddr;

/// Whether a URL leads to this machine and nowhere else.
pub(super) fn stays_here(url: &str) -> bool {
    let rest = url.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = without_port(authority.rsplit('@').next().unwrap_or_default());
    !host.is_empty() && is_this_machine(host)
}

/// The host of `HOST:PORT`.
pub(super) fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.split(':').next().unwrap_or_default(),
    }
}

/// By its name or address; what begins with an encoded slash is a socket in the file system.
pub(super) fn is_this_machine(host: &str) -> bool {
    host.is_empty()
        || host.eq_ignore_ascii_case("localhost")
        || host.get(..3).is_some_and(|start| start.eq_ignore_ascii_case("%2f"))
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::stays_here;

    #[test]
    fn only_a_url_of_this_machine_stays_here() {
        for url in [
            "http://127.0.0.1:8090/",
            "http://localhost",
            "http://[::1]:1/x",
            "redis://u:canary@127.0.0.2:6379/?stream=s",
        ] {
            assert!(stays_here(url), "{url}");
        }
        for url in [
            "https://shop.example/",
            "http://10.0.0.1/",
            "http://127.0.0.1@shop.example/",
            "127.0.0.1:8090",
            "http://",
        ] {
            assert!(!stays_here(url), "{url}");
        }
    }
}
