//! What commonly happens to bodies between a provider and here, undone.

use std::borrow::Cow;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;

use super::json::{LAYOUTS, SPELLINGS, rewritten};
use super::keys::sorted;
use crate::provider::nesting::is_too_deep;

/// Longer bodies are not tried as programs write them again. Providers' bodies have some kilobytes.
const REWRITTEN_BYTES_MAX: usize = 64 * 1024;

/// The bodies that may have been signed, each once, with what they are in words. Made one at a time: a body may be long.
pub(super) fn changed_bodies(body: &Bytes) -> impl Iterator<Item = (Bytes, String)> {
    let mut seen = HashSet::from([digest(body)]);
    let plain = other_line_breaks(body).into_iter().map(|(body, how)| (Bytes::from(body), how.to_owned()));
    let written = as_document(body).into_iter().flat_map(written_again);
    plain.chain(written).filter(move |(body, _)| seen.insert(digest(body)))
}

/// The body as text, if it is short and shallow enough to be written again and again.
pub(super) fn as_document(body: &[u8]) -> Option<&str> {
    let is_bounded = body.len() <= REWRITTEN_BYTES_MAX && !is_too_deep(body);
    std::str::from_utf8(body).ok().filter(|_| is_bounded)
}

fn other_line_breaks(body: &[u8]) -> [(Vec<u8>, &'static str); 7] {
    let without = |unwanted: &[u8]| body.iter().copied().filter(|byte| !unwanted.contains(byte)).collect();
    let unix: Vec<u8> = without(b"\r");
    let mut dos = Vec::with_capacity(body.len());
    for byte in &unix {
        dos.extend_from_slice(if *byte == b'\n' { b"\r\n" } else { std::slice::from_ref(byte) });
    }
    let bare = body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body);
    [
        (body.trim_ascii_end().to_vec(), "without the line break at its end"),
        ([body, b"\n"].concat(), "with a line break at its end"),
        ([body, b"\r\n"].concat(), "with a line break (CRLF) at its end"),
        (unix, "with LF for CRLF"),
        (dos, "with CRLF for LF"),
        (without(b"\r\n"), "without line breaks"),
        (bare.to_vec(), "without the byte order mark at its start"),
    ]
}

/// The same document as other programs write it.
fn written_again(body: &str) -> impl Iterator<Item = (Bytes, String)> {
    let orders =
        [(Some(Cow::Borrowed(body)), ""), (sorted(body).map(Cow::Owned), ", its keys in alphabetical order")];
    let ends = [("", ""), ("\n", ", with a line break at its end")];
    orders.into_iter().filter_map(|(json, order)| Some((json?, order))).flat_map(move |(json, order)| {
        LAYOUTS
            .iter()
            .flat_map(move |layout| SPELLINGS.iter().map(move |spelling| (layout, spelling)))
            .flat_map(move |((layout, laid_out), (spelling, spelled))| {
                let text = rewritten(&json, *layout, *spelling);
                let lost = text.as_deref().is_some_and(|text| is_without_line_breaks(body, text));
                let how = if lost { "with the line breaks that it lost" } else { laid_out };
                ends.into_iter().filter_map(move |(end, ended)| {
                    let text = format!("{}{end}", text.as_deref()?);
                    Some((text.into(), format!("{how}{spelled}{order}{ended}")))
                })
            })
    })
}

fn is_without_line_breaks(body: &str, text: &str) -> bool {
    text.contains('\n') && text.bytes().filter(|byte| *byte != b'\n').eq(body.bytes())
}

fn digest(body: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    hasher.finish()
}
