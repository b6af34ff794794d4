//! `/orders`: those whose events came last, or all of a kind by id.

use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::Response;
use maud::{Markup, html};
use serde::Deserialize;

use super::layout::{Also, Page, show};
use super::parts::given;
use super::{link, parts};
use crate::http::admin::guard::Caller;
use crate::http::admin::paging::{begins, one_of};
use crate::http::admin::state::AdminState;
use crate::http::{Problem, received_now};
use crate::order::{Id, Status};
use crate::store::{AnomalyFilter, List, OrderFilter, OrderRow, WaitingSince, WaitsFor};

/// Rows of a page.
const ROWS: u32 = 50;

/// The names are those of the API. A form sends what is not chosen as nothing.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PageQuery {
    source: Option<String>,
    status: Option<String>,
    anomaly: Option<String>,
    unclaimed: Option<String>,
    waiting: Option<String>,
    after: Option<String>,
}

pub(super) async fn page(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    Query(query): Query<PageQuery>,
) -> Response {
    let page = read(&admin, &query).await;
    show(&admin, &caller, page).await
}

async fn read(admin: &AdminState, query: &PageQuery) -> Result<Page, Problem> {
    let (source, status) = (given(&query.source), given(&query.status));
    let (has_anomaly, is_unclaimed) = (given(&query.anomaly), given(&query.unclaimed));
    let waiting = given(&query.waiting);
    one_of("status", status, Status::ALL.iter().map(|status| status.as_str()))?;
    one_of("anomaly", has_anomaly, AnomalyFilter::words())?;
    one_of("waiting", waiting, WaitsFor::ALL.iter().map(|what| what.as_str()))?;
    let names = admin.source_names();
    let of_kind =
        [status, has_anomaly, is_unclaimed, waiting, given(&query.after)].iter().any(Option::is_some);
    let list = match of_kind {
        true => by_id(admin, query, (source, status)).await?,
        false => {
            let of_source = source.and_then(|source| Id::new(source).ok()).map(|source| vec![source]);
            let rows = admin.store.recent_orders(&of_source.unwrap_or_else(|| names.clone()), ROWS).await?;
            List { rows, after: None, is_cut: false }
        }
    };
    let fields = [
        ("source", source),
        ("status", status),
        ("anomaly", has_anomaly),
        ("unclaimed", is_unclaimed),
        ("waiting", waiting),
    ];
    let main = html! {
        h1 { "Orders" }
        (filters(query, &names))
        p class="hint" { @if of_kind { "By id." } @else { "Those whose events came last, the newest first; choose a kind to see all of it by id." } }
        @if list.rows.is_empty() { p { @if list.is_cut { "No order is like this among those that were looked at." } @else if fields.iter().all(|(_, value)| value.is_none()) { "No order has come yet: the first webhook of a payment makes one." } @else { "No order is like this." } } }
        @else { div data-live="orders" { (parts::orders(&list.rows)) } }
        (parts::more(&list, "orders", &fields, "after"))
    };
    let only_orders: Vec<_> = fields.iter().copied().filter(|(name, _)| *name != "unclaimed").collect();
    let also = Also {
        json: Some(link::query("/api/v1/orders", &only_orders)),
        sql: Some(sql(source, status)),
        cli: Some(command(&fields)),
    };
    Ok(Page { title: "Orders".to_owned(), place: "orders", also, main })
}

async fn by_id(
    admin: &AdminState,
    query: &PageQuery,
    (source, status): (Option<&str>, Option<&str>),
) -> Result<List<OrderRow>, Problem> {
    let after = given(&query.after);
    begins(after)?;
    let filter = OrderFilter {
        id: None,
        source: source.map(str::to_owned),
        status: status.map(str::to_owned),
        anomaly: given(&query.anomaly).and_then(AnomalyFilter::from_word),
        unclaimed: given(&query.unclaimed).is_some(),
        waiting: given(&query.waiting)
            .and_then(WaitsFor::from_word)
            .map(|what| WaitingSince::longer_than(what, Duration::ZERO, received_now())),
        after: after.map(str::to_owned),
        limit: ROWS,
    };
    Ok(admin.store.orders(&filter).await?)
}

fn filters(query: &PageQuery, names: &[Id]) -> Markup {
    html! {
        form class="filters" action="orders" {
            (parts::choice(("source", "source"), given(&query.source), names.iter().map(Id::as_str)))
            (parts::choice(("status", "status"), given(&query.status), Status::ALL.iter().map(|status| status.as_str())))
            (parts::choice(("anomaly", "anomaly"), given(&query.anomaly), AnomalyFilter::words()))
            (parts::choice(("unclaimed", "without a name"), given(&query.unclaimed), ["true"]))
            (parts::choice(("waiting", "waiting for"), given(&query.waiting), WaitsFor::ALL.iter().map(|what| what.as_str())))
            button { "Show" }
            a href="orders" { "Clear" }
        }
    }
}

fn sql(source: Option<&str>, status: Option<&str>) -> String {
    let conditions = [("source", source), ("status", status)]
        .into_iter()
        .filter_map(|(column, value)| value.map(|value| format!("{column} = {}", parts::sql_text(value))));
    let conditions = conditions.collect::<Vec<_>>().join(" and ");
    let conditions = if conditions.is_empty() { String::new() } else { format!(" where {conditions}") };
    format!("select * from v_orders{conditions} limit {ROWS}")
}

fn command(fields: &[(&str, Option<&str>)]) -> String {
    let flags = fields.iter().filter_map(|(name, value)| match (*name, (*value)?) {
        ("anomaly", "true") => Some(" --anomaly".to_owned()),
        ("anomaly", "false") => None,
        ("anomaly", word) => Some(format!(" --anomaly={word}")),
        ("unclaimed", _) => Some(" --unclaimed".to_owned()),
        (name, value) => Some(format!(" --{name} {}", parts::shell_text(value))),
    });
    format!("paylatch orders{} --limit {ROWS}", flags.collect::<String>())
}
