//! `paylatch secret`: the signing secret of a source, for those who sign with other programs.

use clap::Args;

use super::context::Context;
use super::dev::DataDir;
use super::failure::{Exit, Failure};
use crate::config::{Needs, Origin, Settings};

#[derive(Args)]
pub(super) struct PrintSecret {
    /// The source.
    source: String,
    /// Print it also if it was not made by `paylatch dev`.
    #[arg(long)]
    show: bool,
}

/// Prints the secret that signs.
pub(super) fn run(context: &Context, print: &PrintSecret) -> Result<(), Failure> {
    let settings = context.settings_or_dev(Needs::default())?;
    let source = context.source(&settings, &print.source)?;
    let Some(secret) = source.settings().secrets.first() else {
        return Err(Failure::new(
            Exit::Failed,
            "no_secret",
            format!("source {} has no secret", source.name()),
        )
        .hint("its provider signs with a certificate"));
    };
    if !print.show && !was_made_by_dev(&settings, &print.source) {
        let message = format!("the secret of source {} was not made by `paylatch dev`", source.name());
        return Err(Failure::new(Exit::Failed, "secret_hidden", message)
            .hint("whoever has it can sign: --show prints it all the same"));
    }
    context.output.line(secret.expose());
    Ok(())
}

fn was_made_by_dev(settings: &Settings, source: &str) -> bool {
    let setting = format!("sources.{source}.secrets");
    let origin = settings.resolved.iter().find(|resolved| resolved.setting == setting);
    let Some(Origin::File(path, _)) = origin.and_then(|resolved| resolved.origin.as_ref()) else {
        return false;
    };
    DataDir::find().is_some_and(|data| data.secrets().display().to_string() == **path)
}
