//! The part of `paylatch check` that looks at money that waits.

use super::report::Report;
use crate::cli::context::now_micros;
use crate::config::Settings;
use crate::store::{Store, WaitingCount};

/// Names what has waited for longer than the settings allow. It is no failure: what a provider or a bank does not decide, nobody
/// here can settle.
pub(super) async fn check_waiting(report: &mut Report, store: &Store, settings: &Settings) {
    match store.waiting_money(&settings.waiting, now_micros()).await {
        Ok(counts) if counts.is_empty() => {
            report.good("waiting", "no refund, authorization or dispute has waited for too long");
        }
        Ok(counts) => counts.iter().for_each(|count| report.warn("waiting", told(count))),
        Err(error) => report.bad("waiting", &error.into()),
    }
}

fn told(count: &WaitingCount) -> String {
    let WaitingCount { source, waiting, orders, oldest, since } = count;
    let plural = if *orders == 1 { "" } else { "s" };
    format!(
        "{orders} order{plural} of {source}, longest {oldest}: waiting for its {waiting} since {since}; \
         `paylatch orders --waiting {waiting} --source {source}` lists all that wait"
    )
}
