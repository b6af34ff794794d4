//! Handles what the pages' forms send: calls the functions of the API, then redirects the browser to the page that shows it.

use axum::Extension;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use maud::{Markup, html};

use super::layout::{Also, Page, show};
use super::{forms, link, parts};
use crate::http::admin::acknowledgements::{settle_event, settle_finding, settle_order};
use crate::http::admin::guard::Caller;
use crate::http::admin::paging::key;
use crate::http::admin::reprocess::{ReprocessRequest, ReprocessStep, step};
use crate::http::admin::request_actor::RequestActor;
use crate::http::admin::request_body::{Form, form, id, invalid};
use crate::http::admin::state::AdminState;
use crate::http::{Code, Problem};
use crate::intake::{Assignment, assign};
use crate::order::Key;
use crate::store::{By, SettledCause};

type Named = Result<Path<(String, String)>, PathRejection>;

pub(super) async fn acknowledge_order(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    path: Named,
    request: Request,
) -> Response {
    let settle = async |order: Key, by: By, _: Form| {
        let settled = settle_order(&admin, &order, &by).await?;
        let done = format!("Acknowledged: {}.", settled.join(", ").replace('_', " "));
        Ok((link::order(order.source.as_str(), order.id.as_str()), done))
    };
    act((&admin, &caller), (path, Code::UnknownOrder), request, settle).await
}

/// Settles an event; or, asked on the page of all that failed, whatever failed for its cause.
pub(super) async fn acknowledge_event(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    path: Named,
    request: Request,
) -> Response {
    let settle = async |event: Key, by: By, form: Form| {
        let cause = form.field("cause");
        let SettledCause { settled, is_cut } = settle_event(&admin, &event, cause, &by).await?;
        Ok(match cause {
            None => (link::event(event.source.as_str(), event.id.as_str()), "Acknowledged.".to_owned()),
            Some(_) => {
                let rest = if is_cut { "; there may be more of the same cause" } else { "" };
                ("attention".to_owned(), format!("Acknowledged {}{rest}.", parts::count(settled, "event")))
            }
        })
    };
    act((&admin, &caller), (path, Code::UnknownEvent), request, settle).await
}

pub(super) async fn acknowledge_finding(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    path: Named,
    request: Request,
) -> Response {
    let settle = async |movement: Key, by: By, _: Form| {
        let settled = settle_finding(&admin, &movement, &by).await?;
        Ok(("settlements".to_owned(), format!("Acknowledged {}.", parts::count(settled, "finding"))))
    };
    act((&admin, &caller), (path, Code::UnknownFinding), request, settle).await
}

pub(super) async fn assign_payment(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    path: Named,
    request: Request,
) -> Response {
    let give = async |payment: Key, by: By, form: Form| {
        let order = id("order", form.field("order").unwrap_or_default())?;
        let assignment = Assignment { payment, order };
        let assigned = assign(&mut admin.store.session(), &assignment, &by).await?;
        let (_, link) = assigned.ok_or(Problem::new(Code::UnknownPayment))?;
        admin.count_again();
        let page = link::order(assignment.payment.source.as_str(), link.order.as_str());
        Ok((page, format!("Payment {} belongs here now.", assignment.payment.id)))
    };
    act((&admin, &caller), (path, Code::UnknownPayment), request, give).await
}

/// Shows what reading again would change, or does it and shows what changed.
pub(super) async fn reprocess(
    State(admin): State<AdminState>,
    Extension(caller): Extension<Caller>,
    request: Request,
) -> Response {
    let work = async {
        let actor = RequestActor::of(&request)?;
        let form = form(&admin.bodies, request).await?;
        let own = |name: &str| form.field(name).map(str::to_owned);
        let chosen = ReprocessRequest {
            source: own("source"),
            outcome: own("outcome"),
            r#type: own("type"),
            order: own("order"),
            event: own("event"),
            after: own("after"),
            dry_run: form.field("now").is_none(),
            note: own("note"),
            by: None,
        };
        let step = step(&admin, &actor, &chosen).await?;
        Ok(page(&chosen, &step))
    };
    let page = work.await;
    show(&admin, &caller, page).await
}

/// Does what a form about one thing asks for, and sends the browser to the page that `work` names, with what it did.
async fn act(
    (admin, caller): (&AdminState, &Caller),
    (path, missing): (Named, Code),
    request: Request,
    work: impl AsyncFnOnce(Key, By, Form) -> Result<(String, String), Problem>,
) -> Response {
    let done = async {
        let key = key(path, missing)?;
        let (by, form) = filled_in(admin, request).await?;
        work(key, by, form).await
    };
    let done = done.await;
    answer(admin, caller, done).await
}

/// Who acts, and the form that says so.
pub(super) async fn filled_in(admin: &AdminState, request: Request) -> Result<(By, Form), Problem> {
    let actor = RequestActor::of(&request)?;
    let form = form(&admin.bodies, request).await?;
    let by = actor.by(None, Some(form.field("note").unwrap_or_default())).map_err(invalid)?;
    Ok((by, form))
}

/// Sends the browser to the page that shows what was done.
pub(super) async fn answer(
    admin: &AdminState,
    caller: &Caller,
    done: Result<(String, String), Problem>,
) -> Response {
    match done {
        Ok((page, done)) => {
            admin.public.see_other(&format!("/{}", link::query(&page, &[("done", Some(&done))])))
        }
        Err(problem) => show(admin, caller, Err(problem)).await,
    }
}

fn page(chosen: &ReprocessRequest, step: &ReprocessStep) -> Page {
    let fields = [
        ("source", chosen.source.as_deref()),
        ("outcome", chosen.outcome.as_deref()),
        ("type", chosen.r#type.as_deref()),
        ("order", chosen.order.as_deref()),
        ("event", chosen.event.as_deref()),
    ];
    let verb = if step.dry_run { "would change" } else { "changed" };
    let here: Vec<_> = fields.into_iter().chain([("after", chosen.after.as_deref())]).collect();
    let next: Vec<_> = fields.into_iter().chain([("after", step.after.as_deref())]).collect();
    let main = html! {
        h1 { @if step.dry_run { "Reading again would do this" } @else { "Read again" } }
        p { (parts::count(step.read, "event")) " read: " b { (step.events.len()) " " (verb) } ", " (step.same) " say the same"
            @if step.purged > 0 { ", " (step.purged) " have no body any more" }
            @if step.without_source > 0 { ", " (step.without_source) " of sources that are not configured" } "." }
        (changes(step))
        @if step.dry_run && !step.events.is_empty() { (forms::reprocess(&here)) }
        @if step.after.is_some() { p class="hint" { "There are more." } (forms::rehearse(&next, "the next ones")) }
        p { a href="attention" { "Back to what needs you" } }
    };
    let also = Also { json: None, sql: None, cli: Some(command(&fields, step.dry_run)) };
    Page { title: "Read again".to_owned(), place: "attention", also, main }
}

fn changes(step: &ReprocessStep) -> Markup {
    html! {
        @if !step.events.is_empty() {
            table class="rows" {
                thead { tr { th { "event" } th { "was" } th { "now" } th { "order" } th { "why" } } }
                tbody { @for own in &step.events { tr {
                    td data-label="event" { (parts::event(&own.source, &own.event)) }
                    td data-label="was" { (parts::word(own.was)) }
                    td data-label="now" { (parts::word(own.now)) }
                    td data-label="order" { @match &own.order { Some(order) => (parts::order(&own.source, order)), None => "–" } }
                    td data-label="why" { (parts::text(own.reason.as_deref().unwrap_or_default())) }
                } } }
            }
        }
    }
}

fn command(fields: &[(&str, Option<&str>)], dry_run: bool) -> String {
    let flags = fields.iter().filter_map(|(name, value)| {
        let value = (*value)?;
        Some(match *name {
            "outcome" => format!(" --{value}"),
            "event" => format!(" {}", parts::shell_text(value)),
            name => format!(" --{name} {}", parts::shell_text(value)),
        })
    });
    format!("paylatch reprocess{}{}", flags.collect::<String>(), if dry_run { " --dry-run" } else { "" })
}
