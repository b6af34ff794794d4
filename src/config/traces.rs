//! The table `[otlp]`: where traces go.

use super::reader::Reader;
use crate::secret::Secret;
use crate::telemetry::TraceSettings;

/// Where traces go. A header's value is a secret, its name is not.
pub(super) fn take(reader: &mut Reader) -> Option<TraceSettings> {
    let endpoint = reader.text("otlp.endpoint");
    let one_in = reader.count("otlp.one_in", 1, 1..=1_000_000);
    let headers = reader.secrets("otlp.headers", "otlp.header_files");
    let pairs: Vec<_> = headers
        .iter()
        .filter_map(|header| header.expose().split_once('='))
        .map(|(name, value)| (name.trim().to_owned(), Secret::new(value.trim())))
        .collect();
    if pairs.len() < headers.len() {
        reader.object("otlp.headers", "expected NAME=VALUE");
    }
    let endpoint = endpoint?;
    if !endpoint.starts_with("http://") && !endpoint.starts_with("https://") {
        reader.object("otlp.endpoint", "expected the URL of a collector, such as http://127.0.0.1:4318");
        return None;
    }
    Some(TraceSettings { endpoint, headers: pairs, one_in })
}
