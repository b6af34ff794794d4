//! `/settlements`: what orders should cost against what came, and where the provider's own record says otherwise.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Also, Page, show};
use super::parts::given;
use super::{link, parts};
use crate::http::Problem;
use crate::http::admin::desk::Desk;
use crate::http::admin::guard::Caller;
use crate::http::admin::page::{begins, cut, one_of};
use crate::order::{Settlement, SettlementAnomaly};
use crate::store::{FindingFilter, FindingRow, SettlementFilter, SettlementRow};

/// Rows of a page.
const ROWS: u32 = 50;

/// The names are those of the API. A form sends what is not chosen as nothing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    ledger: Option<String>,
    settlement: Option<String>,
    anomaly: Option<String>,
    after: Option<String>,
}

pub(super) async fn page(
    State(desk): State<Desk>,
    Extension(caller): Extension<Caller>,
    Query(asked): Query<Asked>,
) -> Response {
    let page = read(&desk, &asked).await;
    show(&desk, &caller, page).await
}

async fn read(desk: &Desk, asked: &Asked) -> Result<Page, Problem> {
    let (settlement, anomaly, after) = (given(&asked.settlement), given(&asked.anomaly), given(&asked.after));
    one_of("settlement", settlement, Settlement::ALL.iter().map(|own| own.as_str()))?;
    one_of("anomaly", anomaly, SettlementAnomaly::ALL.iter().map(|own| own.as_str()))?;
    begins(after)?;
    let owned = |value: Option<&str>| value.map(str::to_owned);
    let filter = SettlementFilter {
        ledger: owned(given(&asked.ledger)),
        settlement: owned(settlement),
        anomaly: owned(anomaly),
        after: owned(after),
        limit: ROWS + 1,
    };
    let mut rows = desk.store.settlements(&filter).await?;
    let after = cut(&mut rows, ROWS, |row| format!("{}/{}", row.ledger, row.order_id));
    let findings = desk.store.findings(&FindingFilter { limit: ROWS, ..FindingFilter::default() }).await?;
    let fields = [("ledger", given(&asked.ledger)), ("settlement", settlement), ("anomaly", anomaly)];
    let more = after.map(|after| {
        link::query(
            "settlements",
            &fields.iter().copied().chain([("after", Some(after.as_str()))]).collect::<Vec<_>>(),
        )
    });
    let main = html! {
        h1 { "Settlements" }
        (filters(asked))
        @if rows.is_empty() { p { "No order is like this. Your shop states what an order should cost by " code { "PUT /api/v1/expectations/LEDGER/ORDER" } "." } }
        @else { div data-live="settlements" { (settlements(&rows)) } }
        @if let Some(more) = &more { p class="more" { a href=(more) { "More" } } }
        h2 { "The provider's own record" }
        @if findings.is_empty() { p { "Nothing disagrees in what was compared. " code { "paylatch reconcile" } " compares a report." } }
        @else { (disagreements(&findings)) }
    };
    let also = Also {
        json: Some(link::query("/api/v1/settlements", &fields)),
        sql: Some("select * from settlements where settlement <> 'settled'; select * from findings where gone_at is null".to_owned()),
        cli: Some("paylatch orders --settlement underpaid; paylatch reconcile --findings".to_owned()),
    };
    Ok(Page { title: "Settlements".to_owned(), place: "settlements", also, main })
}

fn filters(asked: &Asked) -> Markup {
    html! {
        form class="filters" action="settlements" {
            (parts::field(("ledger", "ledger"), given(&asked.ledger)))
            (parts::choice(("settlement", "settlement"), given(&asked.settlement), Settlement::ALL.iter().map(|own| own.as_str())))
            (parts::choice(("anomaly", "anomaly"), given(&asked.anomaly), SettlementAnomaly::ALL.iter().map(|own| own.as_str())))
            button { "Show" }
            a href="settlements" { "Clear" }
        }
    }
}

fn settlements(rows: &[SettlementRow]) -> Markup {
    html! {
        table class="rows" {
            thead { tr { th { "order" } th { "ledger" } th { "settlement" } th class="number" { "expected" } th class="number" { "held" }
                th class="number" { "due" } th { "anomalies" } th { "written" } } }
            tbody { @for row in rows { tr {
                td data-label="order" { a class="id" href=(link::query("find", &[("q", Some(&row.order_id))])) { (parts::text(&row.order_id)) } }
                td data-label="ledger" { (parts::text(&row.ledger)) }
                td data-label="settlement" { (parts::word(&row.settlement)) }
                td data-label="expected" class="number" { (parts::money(row.expected, Some(&row.currency))) }
                td data-label="held" class="number" { (parts::money(row.held, Some(&row.currency))) }
                td data-label="due" class="number" { (parts::money_unless_none(row.due, Some(&row.currency))) }
                td data-label="anomalies" { (row.anomalies.iter().map(|own| own.anomaly.replace('_', " ")).collect::<Vec<_>>().join(", ")) }
                td data-label="written" { (parts::time(&row.updated_at)) }
            } } }
        }
    }
}

fn disagreements(findings: &[FindingRow]) -> Markup {
    html! {
        table class="rows" {
            thead { tr { th { "finding" } th { "source" } th { "movement" } th { "payment" } th class="number" { "ours" } th class="number" { "theirs" } th { "settled" } th { "seen" } } }
            tbody { @for own in findings { tr {
                td data-label="finding" { span class="word bad" { (own.finding.replace('_', " ")) } " " (own.kind) }
                td data-label="source" { (parts::source(&own.source)) }
                td data-label="movement" { code { (parts::text(&own.reference)) } }
                td data-label="payment" { @match &own.payment_id { Some(payment) => a class="id" href=(link::query("find", &[("q", Some(payment))])) { (parts::text(payment)) }, None => "–" } }
                td data-label="ours" class="number" { (own.ours.map_or("–".to_owned(), |minor| parts::money(minor, own.currency.as_deref()))) }
                td data-label="theirs" class="number" { (own.theirs.map_or("–".to_owned(), |minor| parts::money(minor, own.currency.as_deref()))) }
                td data-label="settled" { @if own.acknowledged { "yes: " (parts::text(own.acknowledged_note.as_deref().unwrap_or_default())) } @else { "no" } }
                td data-label="seen" { (parts::time(&own.last_seen)) }
            } } }
        }
    }
}
