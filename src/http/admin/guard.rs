//! Who may ask the admin listener.
//!
//! With a token: whoever shows it. Without, the listener is on loopback; then the request must name it by an address or
//! as `localhost`, since a web page in a local browser can make up any other name for 127.0.0.1 (DNS rebinding).

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use tracing::warn;

use crate::http::Problem;
use crate::http::problem::{Code, FAILURES_FORGOTTEN_AFTER_S};
use crate::secret::Secret;

/// Wrong tokens from one address before it has to wait.
const FAILURES_MAX: u32 = 10;
/// Addresses that wrong tokens are remembered of; of more, the oldest is forgotten.
const PEERS_MAX: usize = 1024;

/// The tokens that pass, and who lately failed to show one.
#[derive(Debug)]
pub(super) struct Guard {
    tokens: Vec<Secret>,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    since: Instant,
}

/// Lets a request pass, or answers why not.
pub(super) async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    match guard.admit(peer, request.headers(), Instant::now()) {
        Ok(()) => next.run(request).await,
        Err(code) => Problem::new(code).into_response(),
    }
}

impl Guard {
    pub(super) fn new(tokens: impl IntoIterator<Item = Secret>) -> Self {
        Self { tokens: tokens.into_iter().collect(), failures: Mutex::default() }
    }

    fn admit(&self, peer: Option<IpAddr>, headers: &HeaderMap, now: Instant) -> Result<(), Code> {
        if self.tokens.is_empty() {
            return if names_an_address(headers) { Ok(()) } else { Err(Code::HostUnknown) };
        }
        match bearer(headers) {
            // First: whoever shares an address with a guesser (a proxy, a pod, this machine) is not shut out by it.
            Some(shown) if self.tokens.iter().any(|token| is_equal(shown, token)) => Ok(()),
            Some(_) if self.failed_too_often(peer, now) => Err(Code::TooManyFailures),
            Some(_) => {
                warn!(?peer, "a wrong admin token was shown");
                self.remember_failure(peer, now);
                Err(Code::TokenInvalid)
            }
            None => Err(Code::TokenInvalid),
        }
    }

    fn failed_too_often(&self, peer: Option<IpAddr>, now: Instant) -> bool {
        let failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        peer.and_then(|peer| failures.get(&peer))
            .is_some_and(|own| own.count >= FAILURES_MAX && !own.is_old(now))
    }

    fn remember_failure(&self, peer: Option<IpAddr>, now: Instant) {
        let Some(peer) = peer else { return };
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.retain(|_, own| !own.is_old(now));
        if failures.len() >= PEERS_MAX
            && let Some(oldest) = failures.iter().min_by_key(|(_, own)| own.since).map(|(peer, _)| *peer)
        {
            failures.remove(&oldest);
        }
        failures.entry(peer).or_insert(Failures { count: 0, since: now }).count += 1;
    }
}

impl Failures {
    fn is_old(self, now: Instant) -> bool {
        now.duration_since(self.since) > Duration::from_secs(FAILURES_FORGOTTEN_AFTER_S.into())
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// In constant time, also for tokens of different lengths.
fn is_equal(shown: &str, token: &Secret) -> bool {
    Sha256::digest(shown).ct_eq(&Sha256::digest(token.expose())).into()
}

fn names_an_address(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return false };
    let name =
        host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let address = name.trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::{Code, Duration, FAILURES_MAX, Guard, HeaderMap, Instant, IpAddr, PEERS_MAX, Secret};

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn headers(name: &'static str, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())])
    }

    fn admit(guard: &Guard, headers: &HeaderMap) -> Result<(), Code> {
        guard.admit(Some(PEER), headers, Instant::now())
    }

    fn with_token() -> Guard {
        Guard::new(Some(Secret::new("canary")))
    }

    #[test]
    fn only_the_token_passes() {
        let guard = with_token();
        for (shown, expected) in [
            ("Bearer canary", Ok(())),
            ("bearer  canary", Ok(())),
            ("Bearer wrong", Err(Code::TokenInvalid)),
            ("Bearer canaryly", Err(Code::TokenInvalid)),
            ("Bearer ", Err(Code::TokenInvalid)),
            ("Basic canary", Err(Code::TokenInvalid)),
            ("canary", Err(Code::TokenInvalid)),
        ] {
            assert_eq!(admit(&guard, &headers("authorization", shown)), expected, "{shown}");
        }
        assert_eq!(admit(&guard, &HeaderMap::new()), Err(Code::TokenInvalid));
    }

    #[test]
    fn an_address_that_guesses_has_to_wait_and_the_right_token_passes_from_it_all_the_same() {
        let guard = with_token();
        let (wrong, right) =
            (headers("authorization", "Bearer wrong"), headers("authorization", "Bearer canary"));
        for _ in 0..FAILURES_MAX {
            assert_eq!(admit(&guard, &wrong), Err(Code::TokenInvalid));
        }
        assert_eq!(admit(&guard, &wrong), Err(Code::TooManyFailures));
        assert_eq!(admit(&guard, &right), Ok(()));
        let now = Instant::now();
        assert_eq!(guard.admit(Some("10.0.0.9".parse().unwrap()), &wrong, now), Err(Code::TokenInvalid));
        assert_eq!(guard.admit(Some(PEER), &wrong, now + Duration::from_secs(61)), Err(Code::TokenInvalid));
    }

    #[test]
    fn guesses_from_many_addresses_take_bounded_memory() {
        let guard = with_token();
        for address in 0..10 * PEERS_MAX {
            let peer = std::net::Ipv4Addr::from(u32::try_from(address).unwrap());
            let _ = guard.admit(Some(peer.into()), &headers("authorization", "Bearer wrong"), Instant::now());
        }
        assert_eq!(guard.failures.lock().unwrap().len(), PEERS_MAX);
    }

    #[test]
    fn without_a_token_only_an_address_is_answered_and_no_name_that_a_page_made_up() {
        let guard = Guard::new(None);
        for host in ["127.0.0.1:8081", "localhost:8081", "LOCALHOST", "[::1]:8081", "[::1]", "10.1.2.3"] {
            assert_eq!(admit(&guard, &headers("host", host)), Ok(()), "{host}");
        }
        for host in ["evil.example:8081", "localhost.evil.example", "127.0.0.1.evil.example:80", "", "x:y"] {
            assert_eq!(admit(&guard, &headers("host", host)), Err(Code::HostUnknown), "{host}");
        }
        assert_eq!(admit(&guard, &HeaderMap::new()), Err(Code::HostUnknown));
    }
}
