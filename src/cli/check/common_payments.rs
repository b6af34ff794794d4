//! The part of `paylatch check` that looks for accounts that are configured twice.

use super::report::Report;
use crate::cli::output::printable;
use crate::config::Settings;
use crate::provider::Source;
use crate::store::{CommonPayments, Store};

/// Names sources of one provider that are told of the same payments. It is no failure: some providers let the merchant choose
/// the ids of payments.
pub(super) async fn check_common(report: &mut Report, store: &Store, settings: &Settings) {
    for (at, source) in settings.sources.iter().enumerate() {
        let provider = |own: &Source| own.settings().provider.clone();
        let is_other = |found: &CommonPayments| {
            let mut behind = settings.sources.iter().skip(at + 1);
            behind.any(|own| own.name().as_str() == found.other && provider(own) == provider(source))
        };
        if !settings.sources.iter().skip(at + 1).any(|own| provider(own) == provider(source)) {
            continue;
        }
        match store.common_payments(source.name()).await {
            Ok(common) => common.iter().filter(|found| is_other(found)).for_each(|found| {
                let CommonPayments { other, payments, payment_id } = found;
                report.warn(
                    "sources",
                    format_args!(
                        "{payments} of the latest payments of {} stand in {other}, too, such as {}: one account has two endpoints \
                         here and its money is counted in both; delete one of them at the provider, and its source",
                        source.name(),
                        printable(payment_id)
                    ),
                );
            }),
            Err(error) => report.bad("sources", &error.into()),
        }
    }
}
