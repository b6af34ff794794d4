//! `/sources/{name}`: how a source is set up, what came of it lately, and what nobody decided. Never a secret, masked neither.

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::Response;
use maud::{Markup, html};

use super::last_heard::{last_heard, refused, rhythm};
use super::layout::{Also, Page, show};
use super::{link, parts};
use crate::http::admin::guard::Caller;
use crate::http::admin::sources::{SourceState, read};
use crate::http::admin::state::AdminState;
use crate::http::{Code, Problem};
use crate::order::Id;
use crate::provider::Source;
use crate::store::{LOOKED_AT_MAX, PlacedEvent, RecentFilter, UnmappedType};
use crate::telemetry::values;

/// Events that are shown.
const LATEST: u32 = 20;

/// Everything that is known of a source.
struct SourceDetails {
    source: Source,
    state: SourceState,
    events: Vec<PlacedEvent>,
    unmapped: Vec<UnmappedType>,
    outcomes: Vec<(String, f64)>,
    secrets: Vec<f64>,
}

pub(super) async fn page(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Path(name): Path<String>,
) -> Response {
    let page = load(&admin, &name).await.map(|details| details.page());
    show(&admin, &caller, page).await
}

async fn load(admin: &AdminState, name: &str) -> Result<SourceDetails, Problem> {
    let unknown = || Problem::new(Code::UnknownSource);
    let name = Id::new(name).map_err(|_| unknown())?;
    let source = admin.sources.all().into_iter().find(|source| *source.name() == name).ok_or_else(unknown)?;
    let state = read(admin, std::slice::from_ref(&name)).await?.pop().ok_or_else(unknown)?;
    let filter = RecentFilter { sources: vec![name.clone()], limit: LATEST, ..RecentFilter::default() };
    let events = admin.store.recent_events(&filter).await?.events;
    let unmapped = admin.store.unmapped_types(Some(name.as_str()), LOOKED_AT_MAX).await?;
    let counted = admin.metrics.render();
    let of_source = |metric: &str, label: &str| -> Vec<(String, f64)> {
        let own = format!("source=\"{name}\"");
        let values = values(&counted, metric).into_iter().filter(|(labels, _)| labels.contains(&own));
        values.filter_map(|(labels, value)| Some((label_of(&labels, label)?, value))).collect()
    };
    let outcomes =
        of_source("paylatch_events_total", "outcome").into_iter().filter(|(_, count)| *count > 0.0).collect();
    let matches = of_source("paylatch_secret_matches_total", "secret");
    let secrets = (1..=source.secrets()).map(|position| {
        matches.iter().find(|(own, _)| *own == position.to_string()).map_or(0.0, |(_, count)| *count)
    });
    Ok(SourceDetails { secrets: secrets.collect(), source, state, events, unmapped, outcomes })
}

/// `applied` of `source="stripe",outcome="applied"`.
fn label_of(labels: &str, name: &str) -> Option<String> {
    let (_, rest) = labels.split_once(&format!("{name}=\""))?;
    rest.split('"').next().map(str::to_owned)
}

impl SourceDetails {
    fn page(&self) -> Page {
        let (name, settings) = (self.source.name().as_str(), self.source.settings());
        let mode = settings.mode.map(|mode| match mode {
            crate::provider::Mode::Live => "live",
            crate::provider::Mode::Test => "test",
        });
        let main = html! {
            h1 { (parts::text(name)) " " (parts::word(self.state.state)) }
            dl class="facts" {
                dt { "provider" } dd { (settings.provider) }
                dt { "webhooks go to" } dd { code class="copy" { (self.state.path) } " on the public listener" }
                dt { "last event" } dd { (last_heard(&self.state)) }
                dt { "usually" } dd { (rhythm(&self.state)) }
                dt { "refused here" } dd { (refused(&self.state)) }
                @if let Some(mode) = mode { dt { "mode" } dd { (mode) } }
                @if let Some(tolerance) = settings.tolerance_s { dt { "tolerance" } dd { (tolerance) " s" } }
                @if let Some(quiet) = settings.quiet_after { dt { "quiet after" } dd { (parts::duration(i64::try_from(quiet.as_secs()).unwrap_or(i64::MAX))) } }
                dt { "ledger" } dd { (parts::text(self.source.ledger().as_str())) }
                @if !settings.accounts.is_empty() { dt { "accounts" } dd { (parts::text(&settings.accounts.join(", "))) } }
            }
            (self.secrets())
            h2 { "Since this process began" }
            @if self.outcomes.is_empty() { p { "Nothing came." } }
            ul class="counts" { @for (outcome, count) in &self.outcomes { li { (parts::word(outcome)) " " b { (*count as u64) } } } }
            (self.unmapped())
            (self.types())
            h2 { a href=(link::query("events", &[("source", Some(name))])) { "Latest events" } }
            @if self.events.is_empty() { p { "None yet." } } @else { div data-live="source" { (parts::events(&self.events)) } }
        };
        let also = Also {
            json: Some(link::query("/api/v1/events", &[("source", Some(name))])),
            sql: Some(format!(
                "select * from v_events where source = {} order by received_at desc limit {LATEST}",
                parts::sql_text(name)
            )),
            cli: Some(format!("paylatch sign --source {} FILE", parts::shell_text(name))),
        };
        Page { title: parts::text(name), place: "sources", also, main }
    }

    fn secrets(&self) -> Markup {
        html! {
            @if !self.secrets.is_empty() {
                h2 { "Secrets" }
                ul { @for (position, count) in self.secrets.iter().enumerate() {
                    li { "the " (ordinal(position + 1)) " matched " b { (parts::count(*count as u64, "webhook")) } " since this process began"
                        @if *count == 0.0 && self.secrets.len() > 1 { span class="hint" { ": once it stays so, it can go" } } }
                } }
            }
        }
    }

    fn types(&self) -> Markup {
        html! {
            @if !self.state.types.is_empty() {
                h2 { "Types, and when each last came" }
                p class="hint" { "One that stopped may be switched off at the provider. Up to a minute behind." }
                ul { @for own in &self.state.types { li {
                    a href=(link::query("events", &[("source", Some(&own.source)), ("type", Some(&own.type_name))])) { (parts::text(&own.type_name)) }
                    ", last " (parts::time(&own.last_received_at))
                } } }
            }
        }
    }

    fn unmapped(&self) -> Markup {
        html! {
            @if !self.unmapped.is_empty() {
                h2 { "Types that nobody decided" }
                p class="hint" { "They are kept and move no money. Add them to the provider's definition, or to " code { "ignore_types" } "." }
                ul { @for own in &self.unmapped { li {
                    a href=(link::query("events", &[("source", Some(&own.source)), ("type", Some(&own.type_name)), ("hours", Some("8784"))])) { (parts::text(&own.type_name)) }
                    " " (own.reason) ", " (parts::count(own.events, "event")) ", last " (parts::time(&own.last_received_at))
                } } }
            }
        }
    }
}

fn ordinal(position: usize) -> String {
    match position {
        1 => "first".to_owned(),
        2 => "second".to_owned(),
        3 => "third".to_owned(),
        more => format!("{more}th"),
    }
}
