//! `/events`: the newest first, as far back as a time says; of an order or a payment all.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Also, Page, show};
use super::parts::given;
use super::{link, parts};
use crate::http::admin::guard::Caller;
use crate::http::admin::paging::{cut, invalid, one_of};
use crate::http::admin::state::AdminState;
use crate::http::{Problem, received_now};
use crate::order::{Id, Outcome, UnixMicros};
use crate::store::{ArrivalCursor, EventFilter, List, PlacedEvent, Recent, RecentFilter};

/// Rows of a page.
const ROWS: u32 = 50;
/// How far back a list is searched that most events are not in, unless asked otherwise, in hours.
const HOURS: u32 = 24;
const HOURS_MAX: u32 = 24 * 366;

/// The names are those of the API. A form sends what is not chosen as nothing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    source: Option<String>,
    outcome: Option<String>,
    r#type: Option<String>,
    order: Option<String>,
    payment: Option<String>,
    hours: Option<String>,
    before: Option<String>,
}

pub(super) async fn page(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PageQuery>,
) -> Response {
    let page = read(&admin, &query).await;
    show(&admin, &caller, page).await
}

/// What is listed, and how.
struct Listed {
    list: List<PlacedEvent>,
    /// In a sentence.
    how: String,
    /// How far back it was searched.
    hours: Option<String>,
}

async fn read(admin: &AdminState, query: &PageQuery) -> Result<Page, Problem> {
    let outcome = given(&query.outcome);
    one_of("outcome", outcome, Outcome::ALL.iter().map(|outcome| outcome.as_str()))?;
    let names = admin.source_names();
    // These are few, and found by an index of their own; so is all that one order or payment has.
    let is_few = matches!(outcome, Some("parked" | "dead" | "conflict"));
    let listed = match is_few || given(&query.order).is_some() || given(&query.payment).is_some() {
        true => by_id(admin, query).await?,
        false => newest(admin, query, &names).await?,
    };
    let fields = fields(query);
    let searched: Vec<_> = fields.iter().copied().chain([("hours", listed.hours.as_deref())]).collect();
    let main = html! {
        h1 { "Events" }
        (filters(query, &names))
        p class="hint" { (listed.how) }
        @if listed.list.rows.is_empty() { p { @if listed.list.is_cut { "No event is like this among those that were looked at." } @else if fields.iter().all(|(_, value)| value.is_none()) { "No event has come yet." } @else { "No event is like this." } } }
        @else { div data-live="events" { (parts::events(&listed.list.rows)) } }
        (parts::more(&listed.list, "events", &searched, "before"))
    };
    let also = Also {
        json: Some(link::query("/api/v1/events", &fields)),
        sql: Some(format!("select * from v_events order by received_at desc limit {ROWS}")),
        cli: Some(command(&fields)),
    };
    Ok(Page { title: "Events".to_owned(), place: "events", also, main })
}

async fn newest(admin: &AdminState, query: &PageQuery, names: &[Id]) -> Result<Listed, Problem> {
    let is_filtered = given(&query.outcome).is_some() || given(&query.r#type).is_some();
    let hours = hours(query)?.or(is_filtered.then_some(HOURS));
    let since = hours.map_or(0, |hours| received_now().0 - i64::from(hours) * 3_600_000_000);
    let of_source = given(&query.source).and_then(|source| Id::new(source).ok());
    let filter = RecentFilter {
        sources: of_source.map_or_else(|| names.to_vec(), |source| vec![source]),
        outcome: given(&query.outcome).map(str::to_owned),
        type_name: given(&query.r#type).map(str::to_owned),
        since: UnixMicros(since.max(0)),
        before: given(&query.before).map(place).transpose()?,
        limit: ROWS + 1,
    };
    let Recent { events: mut rows, looked_to } = admin.store.recent_events(&filter).await?;
    let after = cut(&mut rows, ROWS, |row| {
        show_place(&row.event.received_at, &row.event.event_id, &row.event.source)
    });
    let how = match hours {
        Some(hours) => format!("The newest first, of the last {}.", parts::count(hours, "hour")),
        None => "The newest first.".to_owned(),
    };
    let list = match looked_to {
        Some(place) if after.is_none() => List { rows, after: Some(place.written()), is_cut: true },
        Some(_) | None => List { rows, after, is_cut: false },
    };
    Ok(Listed { list, how, hours: hours.map(|hours| hours.to_string()) })
}

/// Some that are few: by id, as the API lists them.
async fn by_id(admin: &AdminState, query: &PageQuery) -> Result<Listed, Problem> {
    let owned = |field: &Option<String>| given(field).map(str::to_owned);
    let filter = EventFilter {
        unread: Vec::new(),
        id: None,
        source: owned(&query.source),
        type_name: owned(&query.r#type),
        outcome: owned(&query.outcome),
        order: owned(&query.order),
        payment: owned(&query.payment),
        after: owned(&query.before),
        limit: ROWS,
    };
    let List { rows, after, is_cut } = admin.store.events(&filter).await?;
    let rows = rows.into_iter().map(|event| PlacedEvent { event, order_id: owned(&query.order) }).collect();
    Ok(Listed { list: List { rows, after, is_cut }, how: "By id.".to_owned(), hours: None })
}

fn filters(query: &PageQuery, names: &[Id]) -> Markup {
    html! {
        form class="filters" action="events" {
            (parts::choice(("source", "source"), given(&query.source), names.iter().map(Id::as_str)))
            (parts::choice(("outcome", "outcome"), given(&query.outcome), Outcome::ALL.iter().map(|outcome| outcome.as_str()).filter(|word| *word != "duplicate")))
            (parts::field(("type", "type"), given(&query.r#type)))
            (parts::field(("order", "order"), given(&query.order)))
            (parts::field(("payment", "payment"), given(&query.payment)))
            (parts::field(("hours", "last hours"), given(&query.hours)))
            button { "Show" }
            a href="events" { "Clear" }
        }
    }
}

fn fields(query: &PageQuery) -> Vec<(&'static str, Option<&str>)> {
    let all = [
        ("source", &query.source),
        ("type", &query.r#type),
        ("outcome", &query.outcome),
        ("order", &query.order),
        ("payment", &query.payment),
    ];
    all.into_iter().map(|(name, field)| (name, given(field))).collect()
}

fn command(fields: &[(&str, Option<&str>)]) -> String {
    let flags = fields.iter().filter_map(|(name, value)| {
        let is_flag = matches!(*name, "order" | "outcome" | "source");
        value.filter(|_| is_flag).map(|value| format!(" --{name} {}", parts::shell_text(value)))
    });
    format!("paylatch events{}", flags.collect::<String>())
}

fn hours(query: &PageQuery) -> Result<Option<u32>, Problem> {
    let Some(text) = given(&query.hours) else { return Ok(None) };
    let hours = text.parse().ok().filter(|hours| (1..=HOURS_MAX).contains(hours));
    hours.map(Some).ok_or_else(|| invalid(format!("hours: expected 1 to {HOURS_MAX}")))
}

/// `2026-11-28T12:00:00.000000Z/source/id`
fn show_place(received_at: &str, event_id: &str, source: &str) -> String {
    format!("{received_at}/{source}/{event_id}")
}

fn place(text: &str) -> Result<ArrivalCursor, Problem> {
    let read = || {
        let (time, row) = text.split_once('/')?;
        let (source, event_id) = row.split_once('/')?;
        let received_at = UnixMicros::new(time.parse::<jiff::Timestamp>().ok()?.as_microsecond())?;
        Some(ArrivalCursor { received_at, event_id: event_id.to_owned(), source: source.to_owned() })
    };
    read().ok_or_else(|| invalid("before: expected the link of a page"))
}
