//! The part of `paylatch check` that looks for events of accounts that are not the merchant's.

use super::report::Report;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::printable;
use crate::config::Settings;
use crate::store::Store;

/// Names the accounts whose events come and move nothing, because the source's `accounts` do not list them: a new one of the
/// merchant's, or a stranger's.
pub(super) async fn check_accounts(
    report: &mut Report,
    store: &Store,
    settings: &Settings,
    production: bool,
) {
    let mut told = Vec::new();
    for source in settings.sources.iter().filter(|source| !source.settings().accounts.is_empty()) {
        let found = match store.foreign_accounts(source.name()).await {
            Ok(found) => found,
            Err(error) => return report.bad("accounts", &error.into()),
        };
        let unknown =
            found.into_iter().filter(|(account, _)| !source.settings().ignore_accounts.contains(account));
        told.extend(unknown.map(|(account, events)| {
            format!("{} of {} ({events} of its newest events)", printable(&account), source.name())
        }));
    }
    if told.is_empty() {
        return;
    }
    let told = told.join(", ");
    if production {
        let failure =
            Failure::new(Exit::Failed, "foreign_accounts", format!("events of accounts that are not listed: {told}"))
                .hint("whose account is it? If it is yours, list it in the source's accounts and run `paylatch reprocess --noted`")
                .hint("if it is known to be another's, list it in the source's ignore_accounts");
        report.bad("accounts", &failure);
    } else {
        report.warn("accounts", format_args!("events of accounts that are not listed: {told}"));
    }
}
