//! `paylatch check`: whether everything is there that serving needs, and what to do if not.

mod accounts;
mod announcements;
mod common_payments;
mod report;
mod waiting;

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use tokio::time::Instant;

use self::accounts::check_accounts;
use self::announcements::check_announcements;
use self::common_payments::check_common;
use self::report::Report;
use self::waiting::check_waiting;
use super::context::{Context, now_micros};
use super::failure::{Exit, Failure};
use super::readings;
use crate::config::{Needs, Settings};
use crate::lock::{HealthProblem, Locks, ServerClock};
use crate::store::{Counts, Store};

/// No clock that is right shows an earlier year.
const YEAR_MIN: i16 = 2026;
/// Clocks that are kept by NTP differ by less.
const SKEW_MAX: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(super) struct Check {
    /// Fail also on anything parked, dead, in conflict or anomalous, and on settings that are unfit for real money.
    #[arg(long)]
    production: bool,
    /// Print what was found as JSON.
    #[arg(long)]
    json: bool,
}

/// Looks at every part and prints what it found; the exit code is that of the first part that is wrong.
pub(super) async fn run(context: &Context, check: &Check) -> Result<Exit, Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: true })?;
    let mut report = Report::new(context.output, check.json);
    let names: Vec<_> = settings.sources.iter().map(|source| source.name().as_str()).collect();
    report.good("settings", format_args!("sources: {}", names.join(", ")));
    for advice in &settings.advice {
        match advice.fails_production && check.production {
            true => {
                report.bad("settings", &Failure::new(Exit::Failed, "unsafe_settings", advice.to_string()))
            }
            false => report.note("settings", advice),
        }
    }
    check_clock(&mut report);
    check_locks(&mut report, &settings).await;
    let store = context.store(&settings)?;
    match store.check().await {
        Ok(schema) => {
            let schema = if schema.unknown_migrations > 0 { "newer than this version" } else { "current" };
            report.good("database", format_args!("reachable, schema {schema}, commits durable"));
            note_failover(&mut report, &store).await;
            check_clock_of_database(&mut report, &store).await;
            check_contents(&mut report, &store, check.production).await;
            check_types(&mut report, &store, &settings, check.production).await;
            check_accounts(&mut report, &store, &settings, check.production).await;
            readings::advice(&store, &settings).await.into_iter().for_each(|told| report.note("types", told));
            check_silence(&mut report, &store, &settings, check.production).await;
            check_record(&mut report, &store, check.production).await;
            check_settlements(&mut report, &store, check.production).await;
            check_waiting(&mut report, &store, &settings).await;
            check_common(&mut report, &store, &settings).await;
            check_announcements(&mut report, &store, &settings, check.production).await;
        }
        Err(error) => report.bad("database", &error.into()),
    }
    Ok(report.end())
}

/// Signatures carry the time: a clock that is off by minutes refuses every webhook.
fn check_clock(report: &mut Report) {
    let now = Timestamp::now();
    let shown = now.strftime("%Y-%m-%dT%H:%M:%SZ");
    if now.to_zoned(jiff::tz::TimeZone::UTC).year() < YEAR_MIN {
        let failure = Failure::new(Exit::Failed, "clock", format!("this machine's clock says {shown}"));
        report.bad(
            "clock",
            &failure.hint("set it: a webhook is refused when its signature's time is minutes off"),
        );
    } else {
        report.good("clock", shown);
    }
}

/// Whether leases are granted. What a part of the service lacks is a warning: the rest of it works.
async fn check_locks(report: &mut Report, settings: &Settings) {
    let backend = &settings.lock.backend;
    let locks = match Locks::new(&settings.lock) {
        Ok(locks) => locks,
        Err(problem) => return report.bad("lock", &Failure::new(Exit::Config, "settings", problem)),
    };
    let problems = locks.health().await;
    if locks.is_available().await {
        report.good("lock", backend);
    } else {
        let failure =
            Failure::new(Exit::Unavailable, "lock_unavailable", format!("{backend} does not answer"));
        report.bad(
            "lock",
            &failure.hint("lock.urls says where it is; until it answers, serving is slower, and still right"),
        );
    }
    for HealthProblem::Warning(found) | HealthProblem::Failure(found) in problems {
        report.warn("lock", found);
    }
    for clock in locks.clocks().await {
        compare(report, &clock);
    }
}

/// A commit that waits for no standby is on one machine when the sender is told 2xx.
async fn note_failover(report: &mut Report, store: &Store) {
    if store.waits_for_a_standby().await == Ok(Some(false)) {
        report.note(
            "database",
            "synchronous_standby_names is not set: if a standby takes over, it may lack what was acknowledged last; \
             docs/operations.md says what to send again then",
        );
    }
}

async fn check_clock_of_database(report: &mut Report, store: &Store) {
    // A database whose clock is this machine's has none to compare, as one that stopped answering.
    let time = async { store.clock().await.ok().flatten().ok_or(()) };
    if let Ok(clock) = ServerClock::read("the database", Duration::ZERO, time).await {
        compare(report, &clock);
    }
}

/// Warns of a server's clock that is off this machine's. Both may be wrong.
fn compare(report: &mut Report, clock: &ServerClock) {
    let (now, at) = (now_micros(), Instant::now());
    let now = Duration::from_micros(now.0.unsigned_abs());
    if let Some(skew) = clock.skew(now, at).filter(|skew| skew.size() > SKEW_MAX) {
        let server = &clock.server;
        report.warn(
            "clock",
            format_args!("{server}: its clock is {skew} this machine's; synchronise both (NTP)"),
        );
    }
}

async fn check_contents(report: &mut Report, store: &Store, production: bool) {
    let counts = match store.counts(now_micros()).await {
        Ok(counts) => counts,
        Err(error) => return report.bad("contents", &error.into()),
    };
    let Counts { anomalies, parked, dead, conflicts, unclaimed } = counts;
    let told = format!(
        "{parked} parked, {dead} dead, {conflicts} conflicts, {anomalies} anomalies of orders, {unclaimed} payments \
         without an order"
    );
    if production && counts.sum() > 0 {
        let failure = Failure::new(Exit::Failed, "needs_a_person", told)
            .hint("see them: `paylatch events --outcome parked` (or dead, or conflict), `paylatch orders --anomaly`, \
                   `paylatch orders --unclaimed`")
            .hint("mend them: `paylatch reprocess`; or record that they are settled: `paylatch events ID --acknowledge`, \
                   `paylatch orders ID --acknowledge`; or say where money belongs: `paylatch payments assign`; \
                   docs/operations.md has the steps");
        report.bad("contents", &failure);
    } else {
        report.good("contents", told);
    }
}

/// Whether every type that came is mapped, or listed in its source's `ignore_types`.
async fn check_types(report: &mut Report, store: &Store, settings: &Settings, production: bool) {
    let unmapped = match store.unmapped_types(None, u32::MAX).await {
        Ok(unmapped) => unmapped,
        Err(error) => return report.bad("types", &error.into()),
    };
    let is_ignored = |source: &str, type_name: &str| {
        settings.sources.iter().any(|own| own.name().as_str() == source && own.ignores(type_name))
    };
    let told: Vec<String> = unmapped
        .iter()
        .filter(|one| !is_ignored(&one.source, &one.type_name))
        .map(|one| format!("{} of {} ({}, {} events)", one.type_name, one.source, one.reason, one.events))
        .collect();
    if told.is_empty() {
        report.good("types", "every type that came is mapped");
    } else if production {
        let failure = Failure::new(Exit::Failed, "unmapped_types", told.join(", ")).hint(
            "nobody decided whether these move money: map them in a definition in providers_dir and run \
             `paylatch reprocess --noted`, or list them in the source's ignore_types",
        );
        report.bad("types", &failure);
    } else {
        report.warn("types", told.join(", "));
    }
}

/// Whether each source was heard of within its `quiet_after`. One that was never heard of is not set up yet.
async fn check_silence(report: &mut Report, store: &Store, settings: &Settings, production: bool) {
    for source in &settings.sources {
        let Some(limit) = source.settings().quiet_after else { continue };
        let at = match store.last_event_at(source.name()).await {
            Ok(Some(at)) => at,
            Ok(None) => {
                report.note("silence", format_args!("{}: no event is stored yet", source.name()));
                continue;
            }
            Err(error) => return report.bad("silence", &error.into()),
        };
        let silent_for = Duration::from_micros(now_micros().0.saturating_sub(at.0).unsigned_abs());
        let told = format!("{}: the latest event came {} min ago", source.name(), silent_for.as_secs() / 60);
        if silent_for > limit && !production {
            report.warn("silence", told);
        } else if silent_for > limit {
            let failure = Failure::new(Exit::Failed, "silent", told)
                .hint("look at the provider's dashboard whether the endpoint is enabled, and what its deliveries were answered");
            report.bad("silence", &failure);
        } else {
            report.good("silence", told);
        }
    }
}

/// Whether the provider's own record, where it was compared, says the same.
async fn check_record(report: &mut Report, store: &Store, production: bool) {
    let counts = match store.finding_counts().await {
        Ok(counts) => counts,
        Err(error) => return report.bad("record", &error.into()),
    };
    let told: Vec<String> =
        counts.iter().map(|(source, finding, count)| format!("{count} {finding} of {source}")).collect();
    if told.is_empty() {
        report.good("record", "nothing is known that the provider's own record disagrees in");
    } else if production {
        let failure = Failure::new(Exit::Failed, "findings", told.join(", "))
            .hint("see them: `paylatch reconcile --findings`; docs/reconcile.md says what each means and what to do");
        report.bad("record", &failure);
    } else {
        report.warn("record", told.join(", "));
    }
}

/// Whether orders are paid as the merchant expects, where anything is expected.
async fn check_settlements(report: &mut Report, store: &Store, production: bool) {
    let (found, conflicts) = match (store.settlement_anomalies().await, store.expectation_conflicts().await) {
        (Ok(found), Ok(conflicts)) => (found, conflicts),
        (Err(error), _) | (_, Err(error)) => return report.bad("payment", &error.into()),
    };
    let told: Vec<String> =
        found.iter().map(|one| format!("{} {} in ledger {}", one.count, one.of, one.ledger)).collect();
    let conflicts = (conflicts > 0).then(|| format!("{conflicts} expectations in conflict"));
    let told: Vec<String> = told.into_iter().chain(conflicts).collect();
    if told.is_empty() {
        report.good("payment", "every order of which something is expected is paid so, or not yet due");
    } else if production {
        let failure = Failure::new(Exit::Failed, "settlement_anomalies", told.join(", "))
            .hint("see them: `paylatch orders --settlement overpaid` (or underpaid, unpaid), GET /api/v1/settlements?anomaly=..")
            .hint("give back what is too much, ask for what is missing, or state what holds now: `paylatch expect` with a \
                   higher --revision; docs/checkout.md has the cases");
        report.bad("payment", &failure);
    } else {
        report.warn("payment", told.join(", "));
    }
}
