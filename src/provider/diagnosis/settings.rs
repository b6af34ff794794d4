//! Settings that are signed with the body: the URL as it was registered, and what the provider gave this very endpoint.

use super::{Cause, Trial};
use crate::provider::signature::Scheme;
use crate::provider::{Source, SourceSettings};

impl Source {
    /// The registered URL as people write it otherwise.
    pub(super) fn other_url(&self, trial: &Trial<'_>) -> Option<(Cause, String)> {
        let own = self.settings.public_url.as_ref().filter(|_| self.definition.signs_the_url())?;
        let url = other_spellings(own, trial.webhook.path_and_query).into_iter().find(|url| {
            let settings =
                SourceSettings { public_url: Some(url.clone()), ..SourceSettings::clone(&self.settings) };
            url != own && Scheme::new(&self.definition, &settings).is_ok_and(|scheme| trial.holds(&scheme))
        })?;
        let detail =
            format!("the signature holds for the URL {url}, and public_url is {own}: correct the setting");
        Some((Cause::OtherUrl, detail))
    }

    /// The provider made the signature, as its certificate tells: then what is signed beside the body differs, or the body.
    pub(super) fn other_settings(&self) -> Option<(Cause, String)> {
        let settings = self.signed_settings();
        (self.certificates().is_some() && !settings.is_empty()).then(|| {
            let detail = format!(
                "{} signed another text: {} must be what it shows for this very endpoint, test and live apart; if that is \
                 so, something on the way changed the body",
                self.definition.title,
                settings.join(" and ")
            );
            (Cause::OtherSettings, detail)
        })
    }

    /// What beside the body must be as the provider has it: ``public_url = `..` ``, ``params.webhook_id = `..` ``. None of
    /// these is a secret.
    pub(super) fn signed_settings(&self) -> Vec<String> {
        let url = self.settings.public_url.iter().filter(|_| self.definition.signs_the_url());
        let params = self.settings.params.iter().filter(|(name, _)| self.definition.signs_the_param(name));
        url.map(|url| format!("public_url = `{url}`"))
            .chain(params.map(|(name, value)| format!("params.{name} = `{value}`")))
            .collect()
    }
}

/// The other scheme, with or without the slash at its end, and as it was called.
fn other_spellings(url: &str, called: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
    let host = rest.split(['/', '?']).next().unwrap_or_default();
    let turned = |text: &str| text.strip_suffix('/').map_or_else(|| format!("{text}/"), str::to_owned);
    let paths =
        [rest.to_owned(), turned(rest), format!("{host}{called}"), turned(&format!("{host}{called}"))];
    let other = if scheme == "https" { "http" } else { "https" };
    [scheme, other]
        .iter()
        .flat_map(|scheme| paths.iter().map(move |path| format!("{scheme}://{path}")))
        .collect()
}
