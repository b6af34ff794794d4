//! Where a request comes from, as browsers tell it: what another site's page asks for is refused, whatever cookie it brings.
//!
//! Cookies do not know ports, and `SameSite` does not either: a page of another port of this machine is the same site. Only
//! the origin tells it apart, as Go's `http.CrossOriginProtection` has it.
//! <https://pkg.go.dev/net/http#CrossOriginProtection>, <https://www.w3.org/TR/fetch-metadata/#sec-fetch-site-header>

use std::net::IpAddr;

use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// Where people reach the listener behind a proxy: `https://ops.example/paylatch`.
#[derive(Debug, Clone, Default)]
pub(super) struct PublicOrigin {
    /// `https://ops.example`; empty without a proxy.
    origin: String,
    /// `/paylatch`; empty at the root of a host.
    path: String,
}

impl PublicOrigin {
    /// Of the setting, which the settings' reader has checked.
    pub(super) fn of(setting: Option<&str>) -> Self {
        let Some(url) = setting else { return Self::default() };
        let authority = url.find("://").map_or(0, |at| at + 3);
        let end = url.get(authority..).and_then(|rest| rest.find('/')).map_or(url.len(), |at| authority + at);
        let (origin, path) = url.split_at(end);
        Self { origin: origin.to_ascii_lowercase(), path: path.trim_end_matches('/').to_owned() }
    }

    /// What stands before every path.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Sends a browser to another page of ours: by a path alone, for a host is the client's own word.
    pub(super) fn see_other(&self, path: &str) -> Response {
        let location = [(header::LOCATION, format!("{}{path}", self.path))];
        (StatusCode::SEE_OTHER, location).into_response()
    }

    /// Whether people reach it by TLS, so that cookies may ask for that.
    pub(super) fn is_secure(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// Whether `host` is a name that no web page could make up for this machine: the proxy's, an address, or `localhost`.
    pub(super) fn knows_host(&self, headers: &HeaderMap) -> bool {
        let Some(host) = text(headers, header::HOST) else { return false };
        let is_public = self.origin.split_once("://").is_some_and(|(_, own)| own.eq_ignore_ascii_case(host));
        let name = host_name(host);
        let address = name.trim_start_matches('[').trim_end_matches(']');
        is_public || name.eq_ignore_ascii_case("localhost") || address.parse::<IpAddr>().is_ok()
    }

    /// Whether what asks to change something is a page of ours, or no browser at all.
    pub(super) fn is_same(&self, headers: &HeaderMap) -> bool {
        if let Some(site) = headers.get("sec-fetch-site") {
            return site == "same-origin";
        }
        let Some(origin) = headers.get(header::ORIGIN) else { return true };
        let Some(origin) = origin.to_str().ok().map(str::to_ascii_lowercase) else { return false };
        let is_of_host = text(headers, header::HOST).is_some_and(|host| {
            origin.split_once("://").is_some_and(|(scheme, own)| {
                matches!(scheme, "http" | "https") && own.eq_ignore_ascii_case(host)
            })
        });
        is_of_host || (!self.origin.is_empty() && origin == self.origin)
    }
}

/// A host without its port.
fn host_name(host: &str) -> &str {
    host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name)
}

/// The port that a request names; cookies are told apart by it.
pub(super) fn port(headers: &HeaderMap) -> Option<u16> {
    text(headers, header::HOST)?.rsplit_once(':')?.1.parse().ok()
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::{HeaderMap, PublicOrigin};

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    #[test]
    fn only_a_page_of_the_same_origin_or_no_browser_may_change_anything() {
        let (bare, proxied) =
            (PublicOrigin::default(), PublicOrigin::of(Some("https://ops.example/paylatch")));
        let host = ("host", "127.0.0.1:8081");
        for (lines, on_bare, behind_proxy) in [
            (&[host][..], true, true),
            (&[host, ("sec-fetch-site", "same-origin")], true, true),
            (&[host, ("sec-fetch-site", "same-site"), ("origin", "http://127.0.0.1:8081")], false, false),
            (&[host, ("sec-fetch-site", "cross-site")], false, false),
            (&[host, ("sec-fetch-site", "none")], false, false),
            (&[host, ("origin", "http://127.0.0.1:8081")], true, true),
            (&[host, ("origin", "http://127.0.0.1:9999")], false, false),
            (&[host, ("origin", "https://OPS.example")], false, true),
            (&[host, ("origin", "null")], false, false),
            (&[host, ("origin", "https://evil.example")], false, false),
            (&[("origin", "http://127.0.0.1:8081")], false, false),
        ] {
            assert_eq!(bare.is_same(&headers(lines)), on_bare, "{lines:?}");
            assert_eq!(proxied.is_same(&headers(lines)), behind_proxy, "{lines:?}");
        }
    }

    #[test]
    fn a_public_origin_is_a_host_and_a_path() {
        let own = PublicOrigin::of(Some("https://ops.example/paylatch"));
        assert_eq!((own.path(), own.is_secure()), ("/paylatch", true));
        assert!(own.knows_host(&headers(&[("host", "ops.example")])));
        assert!(!own.knows_host(&headers(&[("host", "evil.example")])));
        let own = PublicOrigin::of(Some("http://ops.example:8443"));
        assert_eq!((own.path(), own.is_secure()), ("", false));
        assert!(own.knows_host(&headers(&[("host", "ops.example:8443")])));
    }

    #[test]
    fn a_name_that_a_page_could_make_up_is_not_known() {
        let own = PublicOrigin::default();
        for host in ["127.0.0.1:8081", "localhost:8081", "LOCALHOST", "[::1]:8081", "[::1]", "10.1.2.3"] {
            assert!(own.knows_host(&headers(&[("host", host)])), "{host}");
        }
        for host in ["evil.example:8081", "localhost.evil.example", "127.0.0.1.evil.example:80", "x:y"] {
            assert!(!own.knows_host(&headers(&[("host", host)])), "{host}");
        }
        assert!(!own.knows_host(&HeaderMap::new()));
    }
}
