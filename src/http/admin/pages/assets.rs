//! The style and the script of the pages, under names that change with what is in them.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::http::{Code, Problem};

const CSS: &str = include_str!("app.css");
const JS: &str = include_str!("app.js");

/// They may be kept for ever: what is different has another name.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

static CSS_NAME: LazyLock<String> = LazyLock::new(|| name(CSS, "css"));
static JS_NAME: LazyLock<String> = LazyLock::new(|| name(JS, "js"));

fn name(content: &str, extension: &str) -> String {
    format!("{}.{extension}", &hex::encode(Sha256::digest(content))[..12])
}

/// Where the style is, from the base of all pages.
pub(super) fn style() -> String {
    format!("assets/{}", *CSS_NAME)
}

/// Where the script is, from the base of all pages.
pub(super) fn script() -> String {
    format!("assets/{}", *JS_NAME)
}

pub(super) async fn asset(Path(file): Path<String>) -> Response {
    let (kind, content) = if file == *CSS_NAME {
        ("text/css; charset=utf-8", CSS)
    } else if file == *JS_NAME {
        ("text/javascript; charset=utf-8", JS)
    } else {
        return Problem::new(Code::UnknownPath).into_response();
    };
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, FOR_EVER)], content).into_response()
}
