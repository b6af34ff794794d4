//! What a definition asks of a source beside its secrets.

use std::collections::BTreeMap;

use super::super::signature::key_encoding;
use super::super::{Mistake, Mode, SourceSettings};
use super::{Definition, KeyEncoding, Param, Proof};
use crate::order::Id;
use crate::secret::Secret;

impl Definition {
    /// The settings of the params that have a default, or of those that have none.
    pub(in crate::provider) fn params_with_default(&self, has_default: bool) -> Vec<String> {
        let params = self.params.iter().filter(|(_, param)| param.default.is_some() == has_default);
        params.map(|(name, _)| format!("params.{name}")).collect()
    }

    pub(in crate::provider) fn signs_the_url(&self) -> bool {
        self.signature.signed.0.iter().any(|text| text.contains("{url}"))
    }

    pub(in crate::provider) fn signs_the_param(&self, name: &str) -> bool {
        let param = format!("{{param:{name}}}");
        self.signature.signed.0.iter().any(|text| text.contains(&param))
    }

    /// How a secret becomes a key where the source does not say otherwise.
    pub(in crate::provider) fn key_encoding(&self) -> Option<KeyEncoding> {
        match &self.signature.proof {
            Proof::Hmac(hmac) => key_encoding(hmac, &self.settings_of_nobody("definition").ok()?).ok(),
            Proof::Digest(_) | Proof::Token | Proof::Certificate(_) | Proof::PublicKey(_) | Proof::Jws(_) => {
                None
            }
        }
    }

    /// A source that has every param, to compile a definition with before any source is known.
    pub(in crate::provider) fn settings_of_nobody(&self, name: &str) -> Result<SourceSettings, String> {
        let filled = |param: &Param| {
            param.default.clone().or_else(|| param.values.first().cloned()).unwrap_or_else(|| "x".to_owned())
        };
        let id = Id::new(name).map_err(|error| format!("name {error}"))?;
        Ok(SourceSettings {
            mode: self.facts.mode.as_ref().map(|_| Mode::Live),
            public_url: Some("https://example.test/".to_owned()),
            params: self.params.iter().map(|(name, param)| (name.clone(), filled(param))).collect(),
            ..SourceSettings::new(id, name, vec![Secret::new("00")])
        })
    }

    /// A source's params with defaults filled in, and its mistakes; what is missing is filled with anything, so that
    /// other mistakes can be looked for.
    pub(in crate::provider) fn params_of(
        &self,
        given: &BTreeMap<String, String>,
    ) -> (BTreeMap<String, String>, Vec<Mistake>) {
        let mut params =
            self.settings_of_nobody("definition").map(|source| source.params).unwrap_or_default();
        let mut mistakes = Vec::new();
        for (name, param) in &self.params {
            match given.get(name).or(param.default.as_ref()) {
                Some(value) if param.takes(value) => {
                    params.insert(name.clone(), value.clone());
                }
                Some(value) if !param.values.is_empty() => {
                    let expected = format!("expected {}, not `{value}`", param.values.join(" or "));
                    mistakes.push((format!("params.{name}"), expected));
                }
                Some(_) | None => {
                    mistakes.push((format!("params.{name}"), format!("expected {}", param.about)))
                }
            }
        }
        let known: Vec<&str> = self.params.keys().map(String::as_str).collect();
        for name in given.keys().filter(|name| !known.contains(&name.as_str())) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            mistakes.push((format!("params.{name}"), format!("unknown; {} knows: {known}", self.title)));
        }
        (params, mistakes)
    }
}

impl Param {
    fn takes(&self, value: &str) -> bool {
        let is_word = self.values.is_empty() || self.values.iter().any(|own| own == value);
        is_word && (!value.is_empty() || self.default.as_deref() == Some(""))
    }
}
