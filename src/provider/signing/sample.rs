//! The headers that this program sends beside a signature when it stands in for a provider.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::HeaderMap;
use sha2::{Digest, Sha256};

use super::super::definition::SampleTable;
use super::super::fields::{Condition, Selectors, View};
use super::super::{SourceSettings, Webhook};

/// Compiled `[[signature.sample]]` tables.
#[derive(Debug, Clone, Default)]
pub(in crate::provider) struct Samples {
    selectors: Selectors,
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
    pub(in crate::provider) fn new(samples: &[SampleTable], source: &SourceSettings) -> Result<Self, String> {
        let mut selectors = Selectors::default();
        let samples = samples
            .iter()
            .map(|sample| {
                let when = selectors.conditions(&sample.when, source)?;
                Ok(Compiled { when, headers: sample.headers.clone().into_iter().collect() })
            })
            .collect::<Result<_, String>>()?;
        Ok(Self { selectors, samples })
    }

    /// The headers for a body: those that are given, but none of a time that is past, and made-up ones. One and the same body
    /// gets one and the same id.
    pub(in crate::provider) fn headers(
        &self,
        given: &BTreeMap<String, String>,
        body: &Bytes,
        now: i64,
    ) -> Vec<(String, String)> {
        let no_headers = HeaderMap::new();
        let webhook = Webhook { path_and_query: "/", headers: &no_headers, body };
        let item = self.selectors.item.read_if_asked(body).unwrap_or_else(|_| self.selectors.item.nothing());
        let view =
            View { webhook: &webhook, item, envelope: self.selectors.envelope.nothing(), parts: Vec::new() };
        let id: String = hex::encode(Sha256::digest(body)).chars().take(32).collect();
        let mut headers: Vec<(String, String)> = Vec::new();
        for sample in &self.samples {
            if !sample.when.iter().all(|condition| condition.holds(&view)) {
                continue;
            }
            for (name, text) in &sample.headers {
                if headers.iter().all(|(own, _)| own != name) {
                    let own = given.get(&name.to_ascii_lowercase()).filter(|_| !text.contains("{now}"));
                    let made = || text.replace("{now}", &now.to_string()).replace("{id}", &id);
                    headers.push((name.clone(), own.cloned().unwrap_or_else(made)));
                }
            }
        }
        let is_there = |name: &String| headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name));
        let others: Vec<_> = given.iter().filter(|(name, _)| !is_there(name)).collect();
        headers.extend(others.into_iter().map(|(name, value)| (name.clone(), value.clone())));
        headers
    }
}
