//! `/settlements`: what orders should cost against what came, and where the provider's own record says otherwise.

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Also, Page, may_act, show};
use super::parts::given;
use super::{forms, link, parts};
use crate::http::Problem;
use crate::http::admin::guard::Caller;
use crate::http::admin::paging::{begins, one_of};
use crate::http::admin::state::AdminState;
use crate::order::{Settlement, SettlementAnomaly};
use crate::store::{FindingFilter, FindingRow, SettlementFilter, SettlementRow};

/// Rows of a page.
const ROWS: u32 = 50;

/// The names are those of the API. A form sends what is not chosen as nothing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    ledger: Option<String>,
    settlement: Option<String>,
    anomaly: Option<String>,
    /// What was just done here.
    done: Option<String>,
    after: Option<String>,
    /// Where the list of findings goes on.
    findings_after: Option<String>,
}

pub(super) async fn page(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PageQuery>,
) -> Response {
    let page = read(&admin, &caller, &query).await;
    show(&admin, &caller, page).await
}

async fn read(admin: &AdminState, caller: &Caller, query: &PageQuery) -> Result<Page, Problem> {
    let (settlement, anomaly, after) = (given(&query.settlement), given(&query.anomaly), given(&query.after));
    one_of("settlement", settlement, Settlement::ALL.iter().map(|own| own.as_str()))?;
    one_of("anomaly", anomaly, SettlementAnomaly::ALL.iter().map(|own| own.as_str()))?;
    begins(after)?;
    let owned = |value: Option<&str>| value.map(str::to_owned);
    let filter = SettlementFilter {
        ledger: owned(given(&query.ledger)),
        settlement: owned(settlement),
        anomaly: owned(anomaly),
        after: owned(after),
        limit: ROWS,
    };
    let list = admin.store.settlements(&filter).await?;
    let behind = owned(given(&query.findings_after));
    let findings = FindingFilter { after: behind, limit: ROWS, ..FindingFilter::default() };
    let findings = admin.store.findings(&findings).await?;
    let fields = [("ledger", given(&query.ledger)), ("settlement", settlement), ("anomaly", anomaly)];
    let main = html! {
        h1 { "Settlements" }
        @if let Some(done) = &query.done { p class="done" role="status" { (parts::text(done)) } }
        (filters(query))
        @if list.rows.is_empty() { p { "No order is like this. Your shop states what an order should cost by " code { "PUT /api/v1/expectations/LEDGER/ORDER" } "." } }
        @else { div data-live="settlements" { (settlements(&list.rows)) } }
        (parts::more(&list, "settlements", &fields, "after"))
        h2 { "The provider's own record" }
        @if findings.rows.is_empty() { p { "Nothing disagrees in what was compared. " code { "paylatch reconcile" } " compares a report." } }
        @else { div data-live="findings" { (disagreements(&findings.rows, caller)) } }
        (parts::more(&findings, "settlements", &fields, "findings_after"))
    };
    let also = Also {
        json: Some(link::query("/api/v1/settlements", &fields)),
        sql: Some("select * from settlements where settlement <> 'settled'; select * from findings where gone_at is null".to_owned()),
        cli: Some("paylatch orders --settlement underpaid; paylatch reconcile --findings".to_owned()),
    };
    Ok(Page { title: "Settlements".to_owned(), place: "settlements", also, main })
}

fn filters(query: &PageQuery) -> Markup {
    html! {
        form class="filters" action="settlements" {
            (parts::field(("ledger", "ledger"), given(&query.ledger)))
            (parts::choice(("settlement", "settlement"), given(&query.settlement), Settlement::ALL.iter().map(|own| own.as_str())))
            (parts::choice(("anomaly", "anomaly"), given(&query.anomaly), SettlementAnomaly::ALL.iter().map(|own| own.as_str())))
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

fn disagreements(findings: &[FindingRow], caller: &Caller) -> Markup {
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
                td data-label="settled" { @if may_act(caller) { (forms::acknowledge_finding(&own.source, &own.reference)) } @else { "no" } }
                td data-label="seen" { (parts::time(&own.last_seen)) }
            } } }
        }
    }
}
