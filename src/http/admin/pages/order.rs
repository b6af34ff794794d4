//! `/orders/{source}/{id}`: was it paid, why, by which events, and who else says so?

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Also, Page, may_act, show};
use super::timeline::{self, Sequence};
use super::{forms, link, parts};
use crate::http::admin::guard::Caller;
use crate::http::admin::paging::key;
use crate::http::admin::state::AdminState;
use crate::http::{Code, Problem, received_now};
use crate::order::Key;
use crate::store::{AcknowledgementRow, EventRow, OrderRow, OrderSettlement, PaymentRow, Told};

#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    /// By which clock the timeline is told.
    by: Option<String>,
    /// What was just done here.
    done: Option<String>,
}

/// Everything that is known of an order.
struct OrderDetails {
    key: Key,
    order: OrderRow,
    payments: Vec<PaymentRow>,
    timeline: Vec<EventRow>,
    settled: Vec<AcknowledgementRow>,
    /// What each endpoint knows of it.
    told: Vec<Told>,
    /// What it was expected to cost, and what came of that in its ledger.
    expected: Option<OrderSettlement>,
}

pub(super) async fn page(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    path: Result<Path<(String, String)>, PathRejection>,
    Query(query): Query<PageQuery>,
) -> Response {
    let page = read(&admin, path).await.map(|details| details.page(&caller, &query));
    show(&admin, &caller, page).await
}

async fn read(
    admin: &AdminState,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Result<OrderDetails, Problem> {
    let key = key(path, Code::UnknownOrder)?;
    let unknown =
        || Problem::new(Code::UnknownOrder).detail("A payment that names no order goes by its own id.");
    let order = admin.store.order(&key).await?.ok_or_else(unknown)?;
    let payments = admin.store.payments_of(&key).await?;
    let timeline = admin.store.timeline(&key).await?;
    let settled = match order.anomalies.is_empty() {
        true => Vec::new(),
        false => admin.store.acknowledgements(Some(&key)).await?,
    };
    let ledgers = admin.sources.ledgers();
    let expected = match ledgers.of(key.source.as_str()) {
        Some(ledger) => admin.store.settlement(&key.id, ledger, &ledgers, received_now()).await?,
        None => None,
    };
    let told = admin.store.told(&key, order.version).await?;
    Ok(OrderDetails { key, order, payments, timeline, settled, told, expected })
}

impl OrderDetails {
    fn page(&self, caller: &Caller, query: &PageQuery) -> Page {
        let (id, source) = (self.key.id.as_str(), self.key.source.as_str());
        let sequence = Sequence::of(query.by.as_deref());
        let main = html! {
            h1 class="id" { (parts::text(id)) " " (parts::word(&self.order.status)) }
            @if let Some(done) = &query.done { p class="done" role="status" { (parts::text(done)) } }
            div data-live="order" {
                (self.sums())
                p { (sentence(&self.order)) }
                (self.expected())
                (self.anomalies(caller))
                (self.payments(caller))
                (timeline::table(&self.key, &self.timeline, sequence))
                (self.rivals())
                (self.told())
            }
        };
        let also = Also::of_one(&link::order(source, id), "order_id", "orders", &self.key);
        Page { title: parts::text(id), place: "orders", also, main }
    }

    fn sums(&self) -> Markup {
        let OrderRow { authorized, reserved, captured, refunded, disputed, lost, .. } = self.order;
        let held = i128::from(captured) - i128::from(refunded) - i128::from(lost);
        let held = i64::try_from(held).unwrap_or(i64::MIN);
        let sums = [
            ("held now", held),
            ("captured", captured),
            ("refunded", refunded),
            ("disputed", disputed),
            ("lost", lost),
            ("reserved", reserved),
            ("authorized", authorized),
        ];
        html! {
            dl class="sums" {
                div { dt { "source" } dd { (parts::source(&self.order.source)) } }
                @for (name, sum) in sums { @if sum != 0 || matches!(name, "held now" | "captured") {
                    div { dt { (name) } dd class="number" { (parts::money(sum, self.order.currency.as_deref())) } }
                } }
            }
        }
    }

    /// Nothing where the shop did not say what it should cost.
    fn expected(&self) -> Markup {
        let stated = self.expected.as_ref().and_then(|own| Some((own, own.expected.as_ref()?)));
        html! {
            @if let Some((own, expected)) = stated {
                @let money = |minor| parts::money(minor, Some(&expected.currency));
                p {
                    "Expected: " b { (money(expected.amount)) } ", revision " (expected.revision) @if expected.closed { ", closed by the shop" }
                    @if let Some(settlement) = &own.settlement { ": " (parts::word(settlement)) }
                    @if let Some(due) = own.due.filter(|due| *due != 0) { ", " (money(due)) " is due" }
                    @if let Some(due_at) = &expected.due_at { " by " (parts::time(due_at)) }
                    @if own.orders.len() > 1 { ", of " (own.orders.len()) " sources of the ledger " (parts::text(&own.ledger)) } "."
                }
                @let others = own.anomalies.iter().filter(|found| own.settlement.as_deref() != Some(found.anomaly.as_str()));
                p { @for found in others { span class="word bad" { (found.anomaly.replace('_', " ")) } " " } }
            }
        }
    }

    fn anomalies(&self, caller: &Caller) -> Markup {
        let settled = |found: &crate::store::AnomalyRow| {
            self.settled.iter().find(|own| own.anomaly == found.anomaly && own.detail == found.detail)
        };
        let open = self.order.anomalies.iter().any(|found| settled(found).is_none());
        html! {
            @if !self.order.anomalies.is_empty() {
                h2 { "Anomalies" }
                ul class="anomalies" { @for found in &self.order.anomalies { li {
                    span class="word bad" { (found.anomaly.replace('_', " ")) }
                    " " (parts::detail(&found.detail, self.order.currency.as_deref()))
                    @match settled(found) {
                        Some(own) => { p class="hint" { "acknowledged " (parts::time(&own.acknowledged_at)) @if let Some(note) = &own.note { ": " (parts::text(note)) } } }
                        None => { p class="hint" { "nobody has settled this" } }
                    }
                } } }
                @if open && may_act(caller) { (forms::acknowledge(&link::order(self.key.source.as_str(), self.key.id.as_str()))) }
            }
        }
    }

    fn payments(&self, caller: &Caller) -> Markup {
        html! {
            h2 { "Payments" }
            ul class="payments" { @for payment in &self.payments { li {
                code { (parts::text(&payment.payment_id)) } " " (parts::word(&payment.link))
                " " span class="hint" { (because(&payment.link)) }
                @if may_act(caller) { (forms::assign(self.key.source.as_str(), &payment.payment_id)) }
            } } }
        }
    }

    /// Whether the shop learned of it.
    fn told(&self) -> Markup {
        html! {
            @if !self.told.is_empty() {
                h2 { a href="endpoints" { "Who was told" } }
                ul { @for own in &self.told { li {
                    b { (parts::text(&own.endpoint)) } " "
                    @match own.state {
                        "told" => { span class="word good" { "has its present state" } }
                        "unknown" => { span class="word warn" { "is far behind" } ", and not known to have its present state" }
                        "older" => { "was told of it if it was an endpoint then: it last changed before what the log of changes has" }
                        "given_up" => { span class="word bad" { "is not told of it any more" } " after " (parts::count(own.attempts, "attempt")) }
                        "waiting" => { span class="word warn" { "waits" } @if let Some(due) = &own.due_at { ", tried again " (parts::time(due)) } }
                        _ => { span class="word warn" { "has not come to its latest change yet" } }
                    }
                    @if let Some(error) = &own.error { ": " (parts::text(error)) }
                } } }
            }
        }
    }

    /// Other orders that events of these payments name.
    fn rivals(&self) -> Markup {
        let mut rivals: Vec<(&str, &EventRow)> = Vec::new();
        for event in &self.timeline {
            if let Some(order) = event.order_claim.as_deref()
                && order != self.key.id.as_str()
                && !rivals.iter().any(|(known, _)| *known == order)
            {
                rivals.push((order, event));
            }
        }
        html! {
            @if !rivals.is_empty() {
                h2 { "Named for these payments, too" }
                ul { @for (order, event) in rivals.iter().take(20) { li {
                    (parts::order(&event.source, order)) " by " (parts::event(&event.source, &event.event_id))
                    span class="hint" { ", with rank " (event.claim_rank.unwrap_or_default()) "; the smallest holds" }
                } } }
            }
        }
    }
}

fn because(link: &str) -> &'static str {
    match link {
        "known" => "an event named the order",
        "assigned" => "a person said so",
        _ => "no event has named an order yet: the payment's id stands in",
    }
}

/// What came of it, in words.
fn sentence(order: &OrderRow) -> Markup {
    let money = |minor| parts::money(minor, order.currency.as_deref());
    let when = html! { ", last heard of " (parts::time(&order.last_event_at)) "." };
    html! {
        @match order.status.as_str() {
            "paid" => { "Paid: " (money(order.captured)) " was captured" }
            "authorized" => { "Not paid yet: " (money(order.reserved)) " is reserved" }
            "partially_refunded" => { "Paid " (money(order.captured)) ", of which " (money(order.refunded)) " was given back" }
            "refunded" => { "Given back: " (money(order.refunded)) " of " (money(order.captured)) " captured" }
            "disputed" => { "In dispute: " (money(order.disputed)) " of " (money(order.captured)) " captured" }
            "charged_back" => { "Lost in a dispute: " (money(order.lost)) " of " (money(order.captured)) " captured" }
            "canceled" => { "Not paid: it was canceled" }
            "failed" => { "Not paid: every attempt failed" }
            _ => { "Not paid: nothing was captured" }
        }
        (when)
    }
}
