//! The settings `admin_*` and `proxy_user_header`: the tokens of the admin listener, and the header by which a proxy names its
//! user.

use hyper::header::HeaderName;

use super::reader::Reader;
use crate::http::AdminSettings;

/// The settings that begin with `admin_`, and `proxy_user_header`.
pub(super) fn take(reader: &mut Reader) -> AdminSettings {
    AdminSettings {
        token: reader.secret("admin_token"),
        view_token: reader.secret("admin_view_token"),
        view_bodies: reader.switch("admin_view_bodies", false),
        public_origin: take_public_origin(reader),
        proxy_user_header: take_proxy_user_header(reader),
    }
}

/// Links and cookies are made of it, and requests are compared with it: it is kept without a slash at its end.
fn take_public_origin(reader: &mut Reader) -> Option<String> {
    let text = reader.text("admin_public_origin")?;
    let is_origin = text.parse::<hyper::Uri>().is_ok_and(|uri| {
        let has_scheme = matches!(uri.scheme_str(), Some("http" | "https"));
        has_scheme && uri.query().is_none() && uri.authority().is_some_and(|own| !own.as_str().contains('@'))
    });
    if !is_origin || text.contains('#') {
        let expected = "expected a URL such as https://ops.example or https://ops.example/paylatch";
        reader.object("admin_public_origin", expected);
        return None;
    }
    Some(text.trim_end_matches('/').to_owned())
}

fn take_proxy_user_header(reader: &mut Reader) -> Option<HeaderName> {
    let name = reader.text("proxy_user_header")?.parse();
    if name.is_err() {
        reader.object("proxy_user_header", "expected the name of a header, such as X-Forwarded-User");
    }
    name.ok()
}
