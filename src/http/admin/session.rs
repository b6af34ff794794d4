//! The session cookie of a browser that logged in with a token.
//!
//! It holds no token, only who showed which, and when, under a MAC by that token: so every replica can check it, nothing is kept,
//! and it ends with the token that it was given for.

use std::time::Duration;

use axum::http::{HeaderMap, header};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::access::Role;
use super::origin::{self, PublicOrigin};
use crate::order::{Id, UnixMicros};
use crate::secret::Secret;

/// Then the token has to be shown again.
pub(super) const SESSION_MAX: Duration = Duration::from_hours(12);
/// What the cookie is called, before its port.
const COOKIE: &str = "paylatch";
/// What the MAC is for, so that no other use of the token can make one.
const PURPOSE: &[u8] = b"paylatch session 1";

/// Who a browser is logged in as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) role: Role,
    /// Who they said they are: a token that many know names nobody.
    pub(super) name: Option<Id>,
    since_s: i64,
}

impl Session {
    pub(super) fn begin(role: Role, name: Option<Id>, now: UnixMicros) -> Self {
        Self { role, name, since_s: seconds(now) }
    }

    /// `Set-Cookie` for the one who showed `token`.
    pub(super) fn cookie(
        &self,
        token: &Secret,
        headers: &HeaderMap,
        public: &PublicOrigin,
    ) -> Option<String> {
        let nonce: u128 = rand::random();
        let name = self.name.as_ref().map_or(String::new(), |name| hex::encode(name.as_str()));
        let signed = format!("{}.{}.{nonce:032x}.{name}", self.role.as_str(), self.since_s);
        let mac = hex::encode(mac(token, &signed)?.finalize().into_bytes());
        Some(set(&format!("{signed}.{mac}"), SESSION_MAX.as_secs(), headers, public))
    }

    /// The session of a request's cookie, if `token` of its role made it and it is not too old.
    pub(super) fn of(
        headers: &HeaderMap,
        token: impl Fn(Role) -> Option<Secret>,
        now: UnixMicros,
    ) -> Option<Self> {
        cookies(headers, &cookie_name(headers)).find_map(|value| read(value, &token, now))
    }
}

/// `Set-Cookie` that ends the session in the browser.
pub(super) fn end(headers: &HeaderMap, public: &PublicOrigin) -> String {
    set("", 0, headers, public)
}

fn read(value: &str, token: &impl Fn(Role) -> Option<Secret>, now: UnixMicros) -> Option<Session> {
    let (signed, shown) = value.rsplit_once('.')?;
    let mut fields = signed.split('.');
    let role = match fields.next()? {
        "operator" => Role::Operator,
        "viewer" => Role::Viewer,
        _ => return None,
    };
    mac(&token(role)?, signed)?.verify_slice(&hex::decode(shown).ok()?).ok()?;
    let since_s: i64 = fields.next()?.parse().ok()?;
    let _nonce = fields.next()?;
    let name = String::from_utf8(hex::decode(fields.next()?).ok()?).ok()?;
    let age = seconds(now).checked_sub(since_s)?;
    let is_fresh = u64::try_from(age).map_or(age > -60, |age| age < SESSION_MAX.as_secs());
    is_fresh.then(|| Session { role, name: Id::new(&name).ok(), since_s })
}

fn mac(token: &Secret, signed: &str) -> Option<Hmac<Sha256>> {
    let mac: Hmac<Sha256> = Hmac::new_from_slice(token.expose().as_bytes()).ok()?;
    Some(mac.chain_update(PURPOSE).chain_update(signed))
}

/// Cookies do not know ports; their names do.
fn cookie_name(headers: &HeaderMap) -> String {
    origin::port(headers).map_or(COOKIE.to_owned(), |port| format!("{COOKIE}_{port}"))
}

fn set(value: &str, max_age_s: u64, headers: &HeaderMap, public: &PublicOrigin) -> String {
    let (name, path) = (cookie_name(headers), public.path());
    let secure = if public.is_secure() { "; Secure" } else { "" };
    format!("{name}={value}; HttpOnly; SameSite=Strict; Path={path}/; Max-Age={max_age_s}{secure}")
}

fn cookies<'a>(headers: &'a HeaderMap, name: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(move |pair| {
        let (own, value) = pair.trim().split_once('=')?;
        (own == name).then_some(value)
    })
}

fn seconds(at: UnixMicros) -> i64 {
    at.0.div_euclid(1_000_000)
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, Id, PublicOrigin, Role, SESSION_MAX, Secret, Session, UnixMicros};

    const NOW: UnixMicros = UnixMicros(1_700_000_000_000_000);

    fn headers(cookie: Option<&str>) -> HeaderMap {
        let host = [("host".parse().unwrap(), "127.0.0.1:8081".parse().unwrap())];
        let cookie = cookie.map(|cookie| ("cookie".parse().unwrap(), cookie.parse().unwrap()));
        host.into_iter().chain(cookie).collect()
    }

    fn tokens(operator: &'static str) -> impl Fn(Role) -> Option<Secret> {
        move |role| Some(Secret::new(if role == Role::Operator { operator } else { "canary_viewer" }))
    }

    fn cookie(role: Role) -> String {
        let session = Session::begin(role, Some(Id::new("Ann; of 注文").unwrap()), NOW);
        let token = tokens("canary_a")(role).unwrap();
        let set = session.cookie(&token, &headers(None), &PublicOrigin::default()).unwrap();
        assert!(set.ends_with("; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200"), "{set}");
        assert!(!set.contains("canary"), "no token is in it");
        set.split_once(';').unwrap().0.to_owned()
    }

    #[test]
    fn a_session_says_who_logged_in_and_as_what() {
        for role in [Role::Operator, Role::Viewer] {
            let cookie = format!("other=1; {}", cookie(role));
            let session = Session::of(&headers(Some(&cookie)), tokens("canary_a"), NOW).unwrap();
            assert_eq!((session.role, session.name.unwrap().as_str()), (role, "Ann; of 注文"));
        }
    }

    #[test]
    fn a_session_ends_with_its_token_and_with_its_time() {
        let own = headers(Some(&cookie(Role::Operator)));
        assert!(Session::of(&own, tokens("canary_a"), NOW).is_some());
        assert_eq!(Session::of(&own, tokens("canary_b"), NOW), None, "the token was changed");
        assert_eq!(Session::of(&own, |_| None, NOW), None, "the token was removed");
        let later = UnixMicros(NOW.0 + i64::try_from(SESSION_MAX.as_micros()).unwrap());
        assert_eq!(Session::of(&own, tokens("canary_a"), later), None);
    }

    #[test]
    fn a_viewer_cannot_make_an_operator_of_itself() {
        let forged = cookie(Role::Viewer).replace("viewer", "operator");
        assert_eq!(Session::of(&headers(Some(&forged)), tokens("canary_a"), NOW), None);
        for odd in
            ["paylatch_8081=", "paylatch_8081=operator.1.2.3.4", "paylatch_8081=....", "paylatch_8082=x"]
        {
            assert_eq!(Session::of(&headers(Some(odd)), tokens("canary_a"), NOW), None, "{odd}");
        }
    }
}
