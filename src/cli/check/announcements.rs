//! The part of `paylatch check` that looks at announcements: whether changes of orders are noted, and whether each endpoint is
//! told of them in time.

use super::report::Report;
use crate::cli::context::now_micros;
use crate::cli::failure::{Exit, Failure};
use crate::cli::output::printable;
use crate::config::Settings;
use crate::store::{EndpointRow, Store};

/// Whether changes are noted where somebody is to be told, and each endpoint is told in time and of everything.
pub(super) async fn check_announcements(
    report: &mut Report,
    store: &Store,
    settings: &Settings,
    production: bool,
) {
    check_log(report, store, settings, production).await;
    let rows = match store.endpoints(now_micros()).await {
        Ok(rows) => rows,
        Err(error) => return report.bad("told", &error.into()),
    };
    for endpoint in &settings.relay.endpoints {
        match rows.iter().find(|row| row.name == endpoint.name) {
            None => report.note("told", format_args!("{}: was never told yet", endpoint.name)),
            Some(row) => check_endpoint(report, row, settings, production),
        }
    }
    for row in rows.iter().filter(|row| settings.relay.endpoints.iter().all(|own| own.name != row.name)) {
        let problem = format!(
            "{}: is not in these settings; `paylatch endpoints forget {}` if it is gone",
            row.name, row.name
        );
        report.note("told", problem);
    }
}

async fn check_log(report: &mut Report, store: &Store, settings: &Settings, production: bool) {
    if !settings.announce.enabled {
        return;
    }
    let (notes, fits) = match (store.notes_changes().await, store.epoch_fits().await) {
        (Ok(notes), Ok(fits)) => (notes, fits),
        (Err(error), _) | (_, Err(error)) => return report.bad("told", &error.into()),
    };
    if !notes {
        let failure = Failure::new(
            Exit::Failed,
            "changes_not_noted",
            "changes of orders are not noted, so nobody is told",
        )
        .hint("as the owner of the schema: `paylatch announce on`");
        tell(report, &failure, production);
    }
    if fits == Some(false) {
        let failure = Failure::new(
            Exit::Failed,
            "epoch_stale",
            "the database is another server, or was promoted, since the epoch began",
        )
        .hint("receivers may drop news as old: `paylatch announce new-epoch`");
        tell(report, &failure, production);
    }
}

fn check_endpoint(report: &mut Report, row: &EndpointRow, settings: &Settings, production: bool) {
    let EndpointRow { name, lag_seconds, given_up, waits, .. } = row;
    let state = row.state_in_words();
    let told = format!("{name}: {state}, lags {lag_seconds} s, {waits} orders wait, {given_up} are given up");
    let lags = u64::try_from(*lag_seconds).unwrap_or_default() > settings.relay.lag_alarm.as_secs();
    if lags || *given_up > 0 || state == "paused" {
        let last = row.error.as_deref().map(|error| format!("it last answered: {}", printable(error)));
        let failure = Failure::new(Exit::Failed, "not_told", told)
            .hint("`paylatch endpoints test NAME` tries it; `paylatch endpoints resume NAME`, `paylatch announcements --given-up`");
        let failure = match last {
            Some(last) => failure.hint(last),
            None => failure,
        };
        tell(report, &failure, production);
    } else {
        report.good("told", told);
    }
}

/// Fails where the money is real, and warns elsewhere.
fn tell(report: &mut Report, failure: &Failure, production: bool) {
    if production {
        report.bad("told", failure);
    } else {
        report.warn("told", failure.message());
    }
}
