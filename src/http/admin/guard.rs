//! Authenticates each request to the admin listener, and refuses what its role may not do.
//!
//! With tokens: whoever shows one, or a browser that has; each route says which is enough (`access`). Without, the listener is
//! on loopback; then the request must name it by an address or as `localhost`, since a web page in a local browser can make up
//! any other name for 127.0.0.1 (DNS rebinding). What changes something must come from a page of ours or from no browser.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use tracing::warn;

use super::AdminSettings;
use super::access::{Access, Role, access};
use super::origin::PublicOrigin;
use super::session::Session;
use crate::http::problem::{Code, FAILURES_FORGOTTEN_AFTER_S};
use crate::http::{Problem, received_now};
use crate::order::Id;
use crate::secret::Secret;

/// Wrong tokens from one address before it has to wait.
const FAILURES_MAX: u32 = 10;
/// Addresses that wrong tokens are remembered of; of more, the oldest is forgotten.
const PEERS_MAX: usize = 1024;

/// The tokens that pass, and who lately failed to show one.
#[derive(Debug)]
pub(super) struct Guard {
    /// By role; several may pass as one.
    tokens: Vec<(Role, Secret)>,
    viewers_see_bodies: bool,
    pub(super) public: PublicOrigin,
    failures: Mutex<HashMap<IpAddr, Failures>>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    count: u32,
    since: Instant,
}

/// Who asks, for those who answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    pub(super) role: Role,
    /// Who they said they are when they logged in.
    pub(super) name: Option<Id>,
    pub(super) sees_bodies: bool,
}

/// Lets a request pass, or answers why not.
pub(super) async fn guard(State(guard): State<Arc<Guard>>, mut request: Request, next: Next) -> Response {
    match guard.admit(peer(&request), &request, Instant::now()) {
        Ok(caller) => {
            if let Some(caller) = caller {
                request.extensions_mut().insert(caller);
            }
            next.run(request).await
        }
        Err(Code::TokenInvalid) if asks_for_a_page(&request) => {
            let then = request.uri().path_and_query().map_or("/", |path| path.as_str());
            let query: String =
                form_urlencoded::Serializer::new(String::new()).append_pair("then", then).finish();
            guard.public.see_other(&format!("/login?{query}"))
        }
        Err(code) => Problem::new(code).into_response(),
    }
}

/// Where a request comes from.
pub(super) fn peer(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip())
}

/// A person before a browser, who can log in.
fn asks_for_a_page(request: &Request) -> bool {
    let accepts = request.headers().get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let is_page = !request.uri().path().starts_with("/api/") && *request.method() == Method::GET;
    is_page && accepts.is_some_and(|accept| accept.contains("text/html"))
}

impl Guard {
    pub(super) fn new(settings: &AdminSettings, application: Option<Secret>) -> Self {
        let tokens = [
            (Role::Operator, settings.token.clone()),
            (Role::Viewer, settings.view_token.clone()),
            (Role::Application, application),
        ];
        Self {
            tokens: tokens.into_iter().filter_map(|(role, token)| Some((role, token?))).collect(),
            viewers_see_bodies: settings.view_bodies,
            public: PublicOrigin::of(settings.public_origin.as_deref()),
            failures: Mutex::default(),
        }
    }

    /// Who asks, if the route lets them; `None` is anybody, on a route that is open.
    fn admit(&self, peer: Option<IpAddr>, request: &Request, now: Instant) -> Result<Option<Caller>, Code> {
        let (headers, method) = (request.headers(), request.method());
        if !method.is_safe() && !self.public.is_same(headers) {
            return Err(Code::CrossOrigin);
        }
        let access = access(method, request.uri().path());
        if access == Access::Open {
            return Ok(None);
        }
        let (role, name) = self.known(peer, headers, access, now)?;
        if !role.may(access, self.viewers_see_bodies) {
            // An application's token opens nothing else, and is refused as an unknown one is, so that it learns no routes.
            return Err(if role == Role::Application { Code::TokenInvalid } else { Code::NotPermitted });
        }
        let sees_bodies = role.may(Access::SeeBodies, self.viewers_see_bodies);
        Ok(Some(Caller { role, name, sees_bodies }))
    }

    fn known(
        &self,
        peer: Option<IpAddr>,
        headers: &HeaderMap,
        access: Access,
        now: Instant,
    ) -> Result<(Role, Option<Id>), Code> {
        if !self.asks_for_a_token(access) {
            let is_known = self.public.knows_host(headers);
            return if is_known { Ok((Role::Operator, None)) } else { Err(Code::HostUnknown) };
        }
        if let Some(shown) = bearer(headers) {
            return Ok((self.role_of(peer, shown, now)?, None));
        }
        let session = Session::of(headers, |role| self.token(role), received_now());
        session.map(|session| (session.role, session.name)).ok_or(Code::TokenInvalid)
    }

    /// Without an operator's token everybody may do everything, but for what has a token of its own.
    fn asks_for_a_token(&self, access: Access) -> bool {
        let has = |wanted| self.tokens.iter().any(|(role, _)| *role == wanted);
        has(Role::Operator) || (access == Access::SeeAnnouncements && has(Role::Application))
    }

    /// Whether people have to log in.
    pub(super) fn has_login(&self) -> bool {
        self.asks_for_a_token(Access::See)
    }

    /// The token of a role.
    pub(super) fn token(&self, wanted: Role) -> Option<Secret> {
        self.tokens.iter().find(|(role, _)| *role == wanted).map(|(_, token)| token.clone())
    }

    /// Whose token is shown.
    pub(super) fn role_of(&self, peer: Option<IpAddr>, shown: &str, now: Instant) -> Result<Role, Code> {
        // First: whoever shares an address with a guesser (a proxy, a pod, this machine) is not shut out by it.
        if let Some((role, _)) = self.tokens.iter().find(|(_, token)| is_equal(shown, token)) {
            return Ok(*role);
        }
        if self.failed_too_often(peer, now) {
            return Err(Code::TooManyFailures);
        }
        let client = peer.map_or("unknown".to_owned(), |peer| peer.to_string());
        warn!(client, "a wrong admin token was shown");
        self.remember_failure(peer, now);
        Err(Code::TokenInvalid)
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

#[cfg(test)]
mod tests {
    use super::{
        AdminSettings, Code, Duration, FAILURES_MAX, Guard, Instant, IpAddr, PEERS_MAX, Request, Role, Secret,
    };

    const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn request(path: &str, headers: &[(&str, &str)]) -> Request {
        let head = Request::get(path).header("host", "127.0.0.1:8081");
        let head = headers.iter().fold(head, |head, (name, value)| head.header(*name, *value));
        head.body(axum::body::Body::empty()).unwrap()
    }

    fn asked(guard: &Guard, authorization: &str, now: Instant, peer: IpAddr) -> Result<(), Code> {
        guard.admit(Some(peer), &request("/metrics", &[("authorization", authorization)]), now).map(drop)
    }

    fn admit(guard: &Guard, authorization: &str) -> Result<(), Code> {
        asked(guard, authorization, Instant::now(), PEER)
    }

    fn with_token() -> Guard {
        Guard::new(&AdminSettings { token: Some(Secret::new("canary")), ..AdminSettings::default() }, None)
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
            assert_eq!(admit(&guard, shown), expected, "{shown}");
        }
        let bare = guard.admit(Some(PEER), &request("/metrics", &[]), Instant::now());
        assert_eq!(bare, Err(Code::TokenInvalid));
    }

    #[test]
    fn an_address_that_guesses_has_to_wait_and_the_right_token_passes_from_it_all_the_same() {
        let guard = with_token();
        for _ in 0..FAILURES_MAX {
            assert_eq!(admit(&guard, "Bearer wrong"), Err(Code::TokenInvalid));
        }
        assert_eq!(admit(&guard, "Bearer wrong"), Err(Code::TooManyFailures));
        assert_eq!(admit(&guard, "Bearer canary"), Ok(()));
        let now = Instant::now();
        let another = "10.0.0.9".parse().unwrap();
        assert_eq!(asked(&guard, "Bearer wrong", now, another), Err(Code::TokenInvalid));
        let later = now + Duration::from_secs(61);
        assert_eq!(asked(&guard, "Bearer wrong", later, PEER), Err(Code::TokenInvalid));
    }

    #[test]
    fn guesses_from_many_addresses_take_bounded_memory() {
        let guard = with_token();
        for address in 0..10 * PEERS_MAX {
            let peer = std::net::Ipv4Addr::from(u32::try_from(address).unwrap());
            let _ = asked(&guard, "Bearer wrong", Instant::now(), peer.into());
        }
        assert_eq!(guard.failures.lock().unwrap().len(), PEERS_MAX);
    }

    #[test]
    fn an_application_s_token_opens_announcements_and_nothing_else() {
        let guard = Guard::new(&AdminSettings::default(), Some(Secret::new("canary_app")));
        let ask =
            |path, headers: &[(&str, &str)]| guard.admit(Some(PEER), &request(path, headers), Instant::now());
        let with_it = [("authorization", "Bearer canary_app")];
        assert_eq!(ask("/api/v1/announcements", &with_it).unwrap().unwrap().role, Role::Application);
        assert_eq!(ask("/api/v1/announcements", &[]), Err(Code::TokenInvalid));
        assert_eq!(ask("/orders", &[]).unwrap().unwrap().role, Role::Operator, "no other token is set");
        let settings = AdminSettings { token: Some(Secret::new("canary")), ..AdminSettings::default() };
        let guard = Guard::new(&settings, Some(Secret::new("canary_app")));
        let orders = guard.admit(Some(PEER), &request("/orders", &with_it), Instant::now());
        assert_eq!(orders, Err(Code::TokenInvalid));
    }
}
