//! The headers that this program sends beside a signature when it stands in for a provider.

use bytes::Bytes;
use http::HeaderMap;
use sha2::{Digest, Sha256};

use super::super::definition::Sample;
use super::super::place::{Condition, Places, View};
use super::super::{SourceSettings, Webhook};
use super::read_if_asked;

/// Compiled `[[signature.sample]]` tables.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples {
    places: Places,
    samples: Vec<Compiled>,
}

#[derive(Debug, Clone)]
struct Compiled {
    when: Vec<Condition>,
    headers: Vec<(String, String)>,
}

impl Samples {
    /// # Errors
    /// What was expected.
    pub(super) fn new(samples: &[Sample], source: &SourceSettings) -> Result<Self, String> {
        let mut places = Places::default();
        let samples = samples
            .iter()
            .map(|sample| {
                let when = places.conditions(&sample.when, source)?;
                Ok(Compiled { when, headers: sample.headers.clone().into_iter().collect() })
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { places, samples })
    }

    /// The headers for a body: one and the same body gets one and the same id.
    pub(super) fn headers(&self, body: &Bytes, now: i64) -> Vec<(String, String)> {
        let no_headers = HeaderMap::new();
        let webhook = Webhook { path_and_query: "/", headers: &no_headers, body };
        let item = read_if_asked(&self.places.item, body).unwrap_or_else(|_| self.places.item.nothing());
        let view =
            View { webhook: &webhook, item, envelope: self.places.envelope.nothing(), parts: Vec::new() };
        let id: String = hex::encode(Sha256::digest(body)).chars().take(32).collect();
        let mut headers: Vec<(String, String)> = Vec::new();
        for sample in &self.samples {
            if !sample.when.iter().all(|condition| condition.holds(&view)) {
                continue;
            }
            for (name, text) in &sample.headers {
                if headers.iter().all(|(own, _)| own != name) {
                    let value = text.replace("{now}", &now.to_string()).replace("{id}", &id);
                    headers.push((name.clone(), value));
                }
            }
        }
        headers
    }
}
