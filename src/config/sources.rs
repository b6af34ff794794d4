//! The sources: tables with names of the user's choice.

use std::path::Path;

use super::reader::Reader;
use crate::order::Id;
use crate::provider::{CustomerClaims, Mode, Providers, Source, SourceSettings};

/// What decides whether an authorisation is money: a default would be a guess.
const CAPTURE: &str = "params.capture";
/// How many random characters are advised where the merchant chooses a secret.
const SECRET_CHARS: usize = 32;

/// Reads the definitions and the sources, and compiles these against those.
pub(super) fn take(reader: &mut Reader, providers_dir: Option<&Path>) -> Vec<Source> {
    let names = reader.tables_below("sources");
    reader.allow_empty_table("sources");
    let settings: Vec<_> = names.iter().filter_map(|name| take_source(reader, name)).collect();
    if settings.is_empty() && providers_dir.is_none() {
        return Vec::new();
    }
    match Providers::load(providers_dir) {
        Ok(providers) => {
            settings.into_iter().filter_map(|source| compile(reader, source, &providers)).collect()
        }
        Err(error) => {
            reader.object("providers_dir", error.to_string());
            Vec::new()
        }
    }
}

fn take_source(reader: &mut Reader, name: &str) -> Option<SourceSettings> {
    let at = |field: &str| format!("sources.{name}.{field}");
    reader.allow_empty_table(&format!("sources.{name}"));
    reader.allow_empty_table(&at("params"));
    let id = source_name(reader, name);
    let provider = at("provider");
    let provider = reader.text(&provider).unwrap_or_else(|| reader.default(&provider, name.to_owned()));
    let secrets = reader.secrets(&at("secrets"), &at("secret_files"));
    Some(SourceSettings {
        provider,
        secrets,
        tolerance_s: reader
            .optional_count(&at("tolerance_s"), 0..=366 * 86_400)
            .map(|seconds| seconds as u64),
        mode: reader.choice(&at("mode"), &[("live", Mode::Live), ("test", Mode::Test)]),
        order: reader.list(&at("order")),
        public_url: reader.text(&at("public_url")),
        cert_dir: reader.path(&at("cert_dir")),
        params: reader.open_table(&at("params")),
        accounts: reader.list(&at("accounts")),
        ignore_accounts: reader.list(&at("ignore_accounts")),
        ledger: take_ledger(reader, &at("ledger")),
        quiet_after: reader.age(&at("quiet_after")),
        customer_claims: reader
            .choice(
                &at("customer_claims"),
                &[("accept", CustomerClaims::Accept), ("ignore", CustomerClaims::Ignore)],
            )
            .unwrap_or_default(),
        ignore_types: reader.list(&at("ignore_types")),
        name: id?,
    })
}

/// A ledger's name is part of a URL, as a source's is.
fn take_ledger(reader: &mut Reader, name: &str) -> Option<Id> {
    let text = reader.text(name)?;
    let ledger = plain_name(&text);
    if ledger.is_none() {
        reader.object(name, "is no name of a ledger; expected 1 to 255 letters, digits, - and _");
    }
    ledger
}

/// A source's name is part of a URL, a variable's name and a table's name.
fn source_name(reader: &mut Reader, name: &str) -> Option<Id> {
    let id = plain_name(name);
    if id.is_none() {
        let problem = "is no name of a source; expected 1 to 255 letters, digits, - and _";
        reader.object(&format!("sources.{name}"), problem);
    }
    id
}

fn plain_name(name: &str) -> Option<Id> {
    let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    Id::new(name).ok().filter(|_| is_plain)
}

/// Objects to secrets that can never verify, and advises against what should be said of an account whose money is real.
fn judge(reader: &mut Reader, source: &Source, providers: &Providers) {
    let at = |field: &str| format!("sources.{}.{field}", source.name());
    let secrets = if reader.is_given(&at("secrets")) { at("secrets") } else { at("secret_files") };
    for problem in source.unusable_secrets() {
        reader.object(&secrets, problem);
    }
    for problem in source.weak_secrets() {
        let problem = format!(
            "{problem}; copy it whole from the provider's page, or choose {SECRET_CHARS} random characters where you choose it"
        );
        reader.advise_against(&secrets, problem);
    }
    if source.takes_either_mode() {
        let problem = "is not set: events of test mode move money, too; set it to live, or to test";
        reader.advise_against(&at("mode"), problem);
    }
    let provider = &source.settings().provider;
    if providers.takes(provider).contains(&CAPTURE.to_owned()) && !reader.is_given(&at(CAPTURE)) {
        let problem = "is not set: say whether the account captures at once (auto) or by a request of its own (manual), for \
                       an authorisation then is, or is not, money";
        reader.advise_against(&at(CAPTURE), problem);
    }
}

fn compile(reader: &mut Reader, settings: SourceSettings, providers: &Providers) -> Option<Source> {
    let name = settings.name.clone();
    match Source::new(settings, providers) {
        Ok(source) => {
            judge(reader, &source, providers);
            Some(source)
        }
        Err(mistakes) => {
            for (field, expected) in mistakes {
                reader.object(&format!("sources.{name}.{field}"), expected);
            }
            None
        }
    }
}
