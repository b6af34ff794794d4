//! All definitions by name: the built-in ones, and those of a directory before them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::RngExt as _;

use super::Mistake;
use super::definition::{Definition, KeyEncoding, Proof};
use super::facts::{FactReader, by_buyer};
use super::report::reports;
use super::signature::Scheme;
use crate::secret::Secret;

/// The setting that all but a provider with certificates need.
const SECRETS: &str = "secrets";

/// Name and text of every file in `providers/`.
pub(super) const BUILT_IN: &[(&str, &str)] = &[
    ("adyen", include_str!("../../providers/adyen.toml")),
    ("adyen-platform", include_str!("../../providers/adyen-platform.toml")),
    ("apple-app-store", include_str!("../../providers/apple-app-store.toml")),
    ("authorizenet", include_str!("../../providers/authorizenet.toml")),
    ("braintree", include_str!("../../providers/braintree.toml")),
    ("btcpay", include_str!("../../providers/btcpay.toml")),
    ("cashfree", include_str!("../../providers/cashfree.toml")),
    ("checkout-com", include_str!("../../providers/checkout-com.toml")),
    ("coinbase-business", include_str!("../../providers/coinbase-business.toml")),
    ("coinbase-commerce", include_str!("../../providers/coinbase-commerce.toml")),
    ("cybersource", include_str!("../../providers/cybersource.toml")),
    ("flutterwave-v3", include_str!("../../providers/flutterwave-v3.toml")),
    ("flutterwave-v4", include_str!("../../providers/flutterwave-v4.toml")),
    ("github", include_str!("../../providers/github.toml")),
    ("globalpayments", include_str!("../../providers/globalpayments.toml")),
    ("gocardless", include_str!("../../providers/gocardless.toml")),
    ("lemonsqueezy", include_str!("../../providers/lemonsqueezy.toml")),
    ("mercadopago", include_str!("../../providers/mercadopago.toml")),
    ("midtrans", include_str!("../../providers/midtrans.toml")),
    ("mollie", include_str!("../../providers/mollie.toml")),
    ("nowpayments", include_str!("../../providers/nowpayments.toml")),
    ("paddle", include_str!("../../providers/paddle.toml")),
    ("paypal", include_str!("../../providers/paypal.toml")),
    ("paystack", include_str!("../../providers/paystack.toml")),
    ("payu-eu", include_str!("../../providers/payu-eu.toml")),
    ("payu-india", include_str!("../../providers/payu-india.toml")),
    ("razorpay", include_str!("../../providers/razorpay.toml")),
    ("recurly", include_str!("../../providers/recurly.toml")),
    ("shopify", include_str!("../../providers/shopify.toml")),
    ("square", include_str!("../../providers/square.toml")),
    ("standard-webhooks", include_str!("../../providers/standard-webhooks.toml")),
    ("stripe", include_str!("../../providers/stripe.toml")),
    ("svix", include_str!("../../providers/svix.toml")),
    ("worldpay", include_str!("../../providers/worldpay.toml")),
    ("xendit", include_str!("../../providers/xendit.toml")),
];

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
        for (name, text) in BUILT_IN {
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

    /// The settings that a source of this provider cannot do without, such as `secrets` and `params.webhook_id`.
    #[must_use]
    pub fn needs(&self, name: &str) -> Vec<String> {
        let Some(definition) = self.definitions.get(name) else { return Vec::new() };
        let is_certified = matches!(definition.signature.proof, Proof::Certificate(_) | Proof::Jws(_));
        let mut needs = vec![if is_certified { "cert_dir" } else { SECRETS }.to_owned()];
        if definition.signs_the_url() {
            needs.push("public_url".to_owned());
        }
        needs.extend(definition.params_with_default(false));
        needs
    }

    /// The settings that a source of this provider may say beside, such as `params.capture`.
    #[must_use]
    pub fn takes(&self, name: &str) -> Vec<String> {
        self.definitions.get(name).map_or_else(Vec::new, |definition| definition.params_with_default(true))
    }

    /// Whether a source of this provider needs nothing but a secret that can be made up, so that `dev` can offer it.
    #[must_use]
    pub fn needs_only_a_secret(&self, name: &str) -> bool {
        let signs_with_it =
            |definition: &Arc<Definition>| !matches!(definition.signature.proof, Proof::PublicKey(_));
        self.needs(name) == [SECRETS] && self.definitions.get(name).is_some_and(signs_with_it)
    }

    /// The fields by which the buyer can name an order, as in `customer_claims`.
    #[must_use]
    pub fn buyer_sets(&self, name: &str) -> Vec<&str> {
        self.definitions.get(name).map_or_else(Vec::new, |definition| by_buyer(&definition.facts))
    }

    /// The events to subscribe to at the provider.
    #[must_use]
    pub fn subscribe(&self, name: &str) -> &[String] {
        self.definitions.get(name).map_or(&[], |definition| &definition.docs.subscribe)
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
pub(super) fn read_definition(file: &str, text: &str) -> Result<Arc<Definition>, BadDefinition> {
    let wrong = |problem: String| BadDefinition(format!("provider definition {file}: {problem}"));
    let definition: Definition = toml::from_str(text).map_err(|error| wrong(error.to_string()))?;
    definition.review().map_err(|(key, problem)| wrong(format!("[{key}] {problem}")))?;
    let source = definition.settings_of_nobody("definition").map_err(wrong)?;
    let keyless = |(key, problem): Mistake| wrong(format!("[{key}] {problem}"));
    let scheme = match Scheme::new(&definition, &source) {
        // A made-up source has no certificates, and no made-up secret has every provider's shape.
        Err((key, _)) if key == "secrets" || key == "cert_dir" => None,
        other => Some(other.map_err(keyless)?),
    };
    FactReader::new(&definition, &source, scheme.as_ref().map_or(&[], Scheme::headers)).map_err(keyless)?;
    reports(&definition).map_err(keyless)?;
    Ok(Arc::new(definition))
}

/// A wrong definition.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct BadDefinition(pub String);
