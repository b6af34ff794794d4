//! `paylatch purge`: clears bodies that are old enough; rows stay, and with them what tells duplicates.

use std::time::Duration;

use clap::Args;
use jiff::Timestamp;
use serde_json::json;

use super::actions::ActsBy;
use super::confirm;
use super::context::{Context, now_micros};
use super::failure::{Exit, Failure};
use super::progress;
use crate::config::{Needs, parse_age};
use crate::order::UnixMicros;
use crate::store::{By, Purged, Store};

#[derive(Args)]
pub(super) struct Purge {
    /// Clear the bodies that arrived longer ago than this, such as 90d, 36h, 30m or 45s.
    #[arg(long, value_name = "AGE", value_parser = parse_age, required_unless_present = "reports_older_than")]
    payloads_older_than: Option<Duration>,
    /// Clear reports of providers that were read longer ago than this, and findings that are gone as long.
    #[arg(long, value_name = "AGE", value_parser = parse_age, conflicts_with = "dry_run")]
    reports_older_than: Option<Duration>,
    /// Say how many there are, and clear nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask before bodies are gone for ever.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    acts_by: ActsBy,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// Clears, or only counts; tells whether nobody said no.
pub(super) async fn run(context: &Context, purge: &Purge) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: false })?;
    let store = context.reached_store(&settings).await?;
    let by = purge.acts_by.read(context)?;
    if let Some(age) = purge.reports_older_than {
        purge_reports(context, purge, &store, (moment_before(age)?, &by)).await?;
    }
    let Some(age) = purge.payloads_older_than else { return Ok(true) };
    let before = moment_before(age)?;
    if !purge.dry_run && !purge.yes && confirm::can_ask() {
        let payloads = store.count_payloads(before).await?.payloads;
        let question = format_args!("{payloads} bodies would be gone for ever");
        if payloads > 0 && !confirm::is_agreed_to(context.output, question) {
            return Ok(false);
        }
    }
    let progress = progress::waiting("clearing bodies");
    let Purged { payloads, spared } = match purge.dry_run {
        true => store.count_payloads(before).await?,
        false => store.purge_payloads(before, &by).await?,
    };
    progress.finish_and_clear();
    let shown = Timestamp::from_microsecond(before.0).unwrap_or_default().to_string();
    if purge.json {
        context
            .output
            .json(&json!({ "arrived_before": shown, "payloads": payloads, "spared": spared, "dry_run": purge.dry_run }));
    } else {
        let done = if purge.dry_run { "would be cleared" } else { "cleared" };
        context.output.line(format_args!("{payloads} bodies that arrived before {shown} {done}"));
        if spared > 0 {
            context.output.line(format_args!(
                "{spared} stay: they are parked, dead or in conflict, and nobody has acknowledged them"
            ));
        }
    }
    Ok(true)
}

async fn purge_reports(
    context: &Context,
    purge: &Purge,
    store: &Store,
    (before, by): (UnixMicros, &By),
) -> Result<(), Failure> {
    let rows = store.purge_reports(before, by).await?;
    if purge.json {
        context.output.json(&json!({ "report_rows": rows }));
    } else {
        context.output.line(format_args!("{rows} rows of reports and findings cleared"));
    }
    Ok(())
}

fn moment_before(age: Duration) -> Result<UnixMicros, Failure> {
    let micros = i64::try_from(age.as_micros()).ok().and_then(|age| now_micros().0.checked_sub(age));
    micros.and_then(UnixMicros::new).ok_or_else(|| {
        Failure::new(Exit::Usage, "wrong_age", "the age reaches back before 1970")
            .hint("expected an age such as 90d")
    })
}
