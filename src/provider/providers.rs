//! All definitions by name: the built-in ones, and those of a directory before them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt as _;

use super::definition::{Definition, KeyEncoding, Param, Proof};
use super::facts::Facts;
use super::signature::{Scheme, key_encoding};
use super::{Mistake, Mode, SourceSettings, builtin};
use crate::order::Id;
use crate::secret::Secret;

/// All definitions by name.
#[derive(Debug, Clone)]
pub struct Providers {
    pub(super) definitions: BTreeMap<String, Arc<Definition>>,
}

impl Providers {
    /// The built-in definitions, overridden and extended by `dir/*.toml`.
    ///
    /// # Errors
    /// A definition that is wrong: file, table, key and what was expected.
    pub fn load(dir: Option<&Path>) -> Result<Self, BadDefinition> {
        let mut definitions = BTreeMap::new();
        for (name, text) in builtin::DEFINITIONS {
            definitions.insert((*name).to_owned(), read_definition(name, text)?);
        }
        for file in dir.map(toml_files).transpose()?.unwrap_or_default() {
            let shown = file.display();
            let name = file.file_stem().and_then(|stem| stem.to_str());
            let name = name.ok_or_else(|| BadDefinition(format!("{shown}: the name is not UTF-8")))?;
            let text =
                std::fs::read_to_string(&file).map_err(|error| BadDefinition(format!("{shown}: {error}")))?;
            definitions.insert(name.to_owned(), read_definition(&shown.to_string(), &text)?);
        }
        Ok(Self { definitions })
    }

    /// Their names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.definitions.keys().map(String::as_str)
    }

    /// Whether a source of this provider needs nothing but a secret, so that `dev` can offer it.
    #[must_use]
    pub fn needs_only_a_secret(&self, name: &str) -> bool {
        self.definitions.get(name).is_some_and(|definition| {
            definition.params.values().all(|param| param.default.is_some())
                && !definition.signs_the_url()
                && !matches!(definition.signature.proof, Proof::Certificate(_))
        })
    }

    /// The settings that a source of this provider cannot do without.
    #[must_use]
    pub fn needs(&self, name: &str) -> Vec<String> {
        let Some(definition) = self.definitions.get(name) else { return Vec::new() };
        let proof = match definition.signature.proof {
            Proof::Certificate(_) => "cert_dir",
            Proof::Hmac(_) | Proof::Digest(_) | Proof::Token => "secrets",
        };
        let params = definition.params.iter().filter(|(_, param)| param.default.is_none());
        [Some(proof.to_owned()), definition.signs_the_url().then(|| "public_url".to_owned())]
            .into_iter()
            .flatten()
            .chain(params.map(|(name, _)| format!("params.{name}")))
            .collect()
    }

    /// A secret in the provider's own shape, for development.
    #[must_use]
    pub fn generate_secret(&self, name: &str) -> Secret {
        let definition = self.definitions.get(name);
        let prefix = definition.map_or("", |definition| &definition.secret_prefix);
        let text = match definition.and_then(|definition| definition.key_encoding()) {
            Some(KeyEncoding::Base64) => STANDARD.encode(rand::rng().random::<[u8; 32]>()),
            Some(KeyEncoding::Hex) => hex::encode(rand::rng().random::<[u8; 32]>()),
            // 40 characters: the most that any provider takes.
            Some(KeyEncoding::Text | KeyEncoding::Raw | KeyEncoding::Sha1OfText) | None => {
                hex::encode(rand::rng().random::<[u8; 20]>())
            }
        };
        Secret::new(format!("{prefix}{text}"))
    }
}

fn toml_files(dir: &Path) -> Result<Vec<PathBuf>, BadDefinition> {
    let unreadable =
        |error: std::io::Error| BadDefinition(format!("providers_dir {}: {error}", dir.display()));
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a definition and compiles it once for a made-up source, so that its mistakes show at start.
fn read_definition(file: &str, text: &str) -> Result<Arc<Definition>, BadDefinition> {
    let wrong = |problem: String| BadDefinition(format!("provider definition {file}: {problem}"));
    let definition: Definition = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let source = definition.settings_of_nobody("definition").map_err(wrong)?;
    let keyless = |(key, problem): Mistake| wrong(format!("[{key}] {problem}"));
    let scheme = match Scheme::new(&definition, &source) {
        // A made-up source has no certificates, and no made-up secret has every provider's shape.
        Err((key, _)) if key == "secrets" || key == "cert_dir" => None,
        other => Some(other.map_err(keyless)?),
    };
    Facts::new(&definition, &source, scheme.as_ref().map_or(&[], Scheme::headers)).map_err(keyless)?;
    Ok(Arc::new(definition))
}

impl Definition {
    pub(super) fn signs_the_url(&self) -> bool {
        self.signature.signed.0.iter().any(|text| text.contains("{url}"))
    }

    /// How a secret becomes a key where the source does not say otherwise.
    fn key_encoding(&self) -> Option<KeyEncoding> {
        match &self.signature.proof {
            Proof::Hmac(hmac) => key_encoding(hmac, &self.settings_of_nobody("definition").ok()?).ok(),
            Proof::Digest(_) | Proof::Token | Proof::Certificate(_) => None,
        }
    }

    /// A source that has every param, to compile a definition with before any source is known.
    pub(super) fn settings_of_nobody(&self, name: &str) -> Result<SourceSettings, String> {
        let filled = |param: &Param| {
            param.default.clone().or_else(|| param.values.first().cloned()).unwrap_or_else(|| "x".to_owned())
        };
        Ok(SourceSettings {
            name: Id::new(name).map_err(|error| format!("name {error}"))?,
            provider: name.to_owned(),
            secrets: vec![Secret::new("00")],
            tolerance_s: None,
            mode: self.facts.mode.as_ref().map(|_| Mode::Live),
            order: Vec::new(),
            public_url: Some("https://example.test/".to_owned()),
            cert_dir: None,
            params: self.params.iter().map(|(name, param)| (name.clone(), filled(param))).collect(),
        })
    }

    /// A source's params with defaults filled in, and its mistakes; what is missing is filled with anything, so that
    /// other mistakes can be looked for.
    pub(super) fn params_of(
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

/// A wrong definition.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadDefinition(pub String);
