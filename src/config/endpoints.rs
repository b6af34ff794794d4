//! The endpoints: tables with names of the user's choice, each an address that is told which orders changed.

use std::path::Path;
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::reader::Reader;
use crate::announce::{EndpointSettings, Types};
use crate::http_client::{Identity, Tls, Trust};
use crate::network::Network;

/// Standard Webhooks' schedule, in seconds: 75.6 hours in all.
/// <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md#retry-schedule-and-backoff>
const RETRIES_S: [u64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// Attempts, and the longest wait between two, in seconds.
const RETRIES_MAX: usize = 20;
const RETRY_MAX_S: u64 = 7 * 86_400;
/// A receiver that may be asked for longer is none.
const TIMEOUT_MAX_MS: usize = 60_000;
const NAME_CHARS_MAX: usize = 100;

/// All of them.
pub(super) fn take(reader: &mut Reader) -> Vec<EndpointSettings> {
    let names = reader.tables_below("endpoints");
    reader.allow_empty_table("endpoints");
    names.iter().filter_map(|name| take_endpoint(reader, name)).collect()
}

fn take_endpoint(reader: &mut Reader, name: &str) -> Option<EndpointSettings> {
    let own = |field: &str| format!("endpoints.{name}.{field}");
    reader.allow_empty_table(&format!("endpoints.{name}"));
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    if !is_plain || name.len() > NAME_CHARS_MAX {
        let problem =
            format!("is no name of an endpoint; expected 1 to {NAME_CHARS_MAX} letters, digits, - and _");
        reader.object(&format!("endpoints.{name}"), problem);
    }
    let url = reader.secret_url(&own("url"));
    if url.is_none() {
        reader.object(&own("url"), "expected where it is told, such as https://shop.internal/paylatch");
    }
    let is_stream = url.as_ref().is_some_and(|url| url.expose().starts_with("redis"));
    let secrets = reader.secrets(&own("secrets"), &own("secret_files"));
    if is_stream && !secrets.is_empty() {
        reader.advise(&own("secrets"), "is not used: entries of a stream are not signed");
    }
    if !is_stream && secrets.is_empty() {
        reader.object(
            &own("secrets"),
            "expected at least one: `whsec_` and the base64 of 24 to 64 random bytes",
        );
    }
    let settings = EndpointSettings {
        name: name.to_owned(),
        secrets,
        types: take_types(reader, &own("types")),
        in_flight_max: reader.count(&own("in_flight_max"), 8, 1..=256),
        batch_max: reader.count(&own("batch_max"), 1, 1..=100),
        rate_max: u32::try_from(reader.count(&own("rate_max"), 0, 0..=1_000_000)).unwrap_or(u32::MAX),
        timeout: reader.millis(&own("timeout_ms"), 15_000, 100..=TIMEOUT_MAX_MS),
        connect_timeout: reader.millis(&own("connect_timeout_ms"), 3_000, 10..=TIMEOUT_MAX_MS),
        retries: take_retries(reader, &own("retry_s")),
        allow: take_networks(reader, &own("allow")),
        headers: take_headers(reader, &own("headers")),
        tls: take_tls(
            reader,
            [&own("tls_ca_file"), &own("tls_client_cert_file"), &own("tls_client_key_file")],
        ),
        url: url?,
    };
    if let Err((field, problem)) = settings.check() {
        reader.object(&own(field), problem);
    }
    let signing = settings.secrets.iter().filter(|_| !is_stream);
    for weakness in signing.filter_map(|secret| secret.weakness("whsec_")) {
        let problem = format!("{weakness}; make one: `echo whsec_$(openssl rand -base64 32)`");
        reader.advise_against(&own("secrets"), problem);
    }
    Some(settings)
}

fn take_types(reader: &mut Reader, name: &str) -> Types {
    let mut patterns = reader.list(name);
    if patterns.is_empty() {
        patterns.push(reader.default(name, "*".to_owned()));
    }
    Types::new(&patterns).unwrap_or_else(|unknown| {
        let problem = format!(
            "{unknown:?} is no type; expected `*`, `order.*`, `settlement.*`, or one such as `order.paid`"
        );
        reader.object(name, problem);
        Types::default()
    })
}

/// None at all: what is refused once is given up.
fn take_retries(reader: &mut Reader, name: &str) -> Vec<Duration> {
    let expected = format!("up to {RETRIES_MAX} waits of 1 to {RETRY_MAX_S} seconds: [5, 300]");
    let Some(numbers) = reader.numbers(name, &expected) else {
        reader.default(name, RETRIES_S.map(|seconds| seconds.to_string()).join(", "));
        return RETRIES_S.map(Duration::from_secs).to_vec();
    };
    let waits: Vec<u64> = numbers.iter().filter_map(|seconds| u64::try_from(*seconds).ok()).collect();
    let are_good = waits.iter().all(|seconds| (1..=RETRY_MAX_S).contains(seconds));
    if waits.len() < numbers.len() || waits.len() > RETRIES_MAX || !are_good {
        reader.object(name, format!("expected {expected}"));
    }
    waits.into_iter().map(Duration::from_secs).collect()
}

fn take_networks(reader: &mut Reader, name: &str) -> Vec<Network> {
    let texts = reader.list(name);
    let networks: Vec<Network> = texts.iter().filter_map(|text| text.trim().parse().ok()).collect();
    if networks.len() < texts.len() {
        reader.object(name, "expected networks or addresses, such as 10.0.0.0/8 or 192.0.2.1");
    }
    networks
}

/// A line for each header. Values are secrets: one may be a token.
fn take_headers(reader: &mut Reader, name: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let Some(text) = reader.secret(name) else { return headers };
    for line in text.expose().lines().filter(|line| !line.trim().is_empty()) {
        let header = line.split_once(':').and_then(|(name, value)| {
            let name: HeaderName = name.trim().parse().ok()?;
            let mut value: HeaderValue = value.trim().parse().ok()?;
            value.set_sensitive(true);
            Some((name, value))
        });
        let is_ours =
            |name: &HeaderName| name.as_str().starts_with("webhook-") || *name == http::header::HOST;
        match header {
            Some((header, _)) if is_ours(&header) => {
                reader.object(name, format!("has {header}, which is sent anyway; leave it out"));
            }
            Some((header, value)) => drop(headers.insert(header, value)),
            None => reader.object(name, "expected a header in each line, such as `Authorization: Bearer ..`"),
        }
    }
    headers
}

/// The files are read here: one that cannot be used is a mistake like any other.
fn take_tls(reader: &mut Reader, [ca, cert, key]: [&str; 3]) -> Tls {
    let trust = read_file(reader, ca).map_or(Trust::Public, Trust::Only);
    let identity = match (read_file(reader, cert), read_file(reader, key)) {
        (Some(cert), Some(key)) => Some(Identity { cert, key }),
        (None, None) => None,
        (Some(_), None) => {
            reader.object(key, "expected it beside tls_client_cert_file");
            None
        }
        (None, Some(_)) => {
            reader.object(cert, "expected it beside tls_client_key_file");
            None
        }
    };
    Tls { trust, identity }
}

fn read_file(reader: &mut Reader, name: &str) -> Option<Vec<u8>> {
    let path = reader.path(name)?;
    let read = |path: &Path| std::fs::read(path);
    read(&path).map_err(|error| reader.object(name, format!("cannot read {}: {error}", path.display()))).ok()
}
