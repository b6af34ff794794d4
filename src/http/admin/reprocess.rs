//! `POST /api/v1/reprocess`: reads stored events again with today's definitions and settings, or shows what that would change.
//!
//! A step at a time, so that nobody waits for an answer that takes minutes: `after` says where the next one begins.

use axum::extract::{Request, State};
use axum::middleware::from_fn;
use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::coupons::only_post;
use super::paging::{begins, one_of};
use super::request_actor::RequestActor;
use super::request_body::{invalid, read};
use super::state::AdminState;
use crate::http::Problem;
use crate::http::connection::apart;
use crate::http::problem::Body;
use crate::intake::{Replaced, replace};
use crate::order::{Outcome, Receipt};
use crate::store::{By, EventFilter, StoredEvent};

/// Events of one step.
const STEP_EVENTS_MAX: u64 = 1_000;
/// Parts of the list of all events that a step looks through for them.
const STEP_PARTS_MAX: u32 = 64;

/// Which events to read again. What is not said lets all through; something has to be.
#[derive(Debug, Clone, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ReprocessRequest {
    /// Of this source.
    pub(super) source: Option<String>,
    /// `applied`, `restated`, `noted`, `parked` or `dead`.
    pub(super) outcome: Option<String>,
    /// Of this type, in the provider's words.
    pub(super) r#type: Option<String>,
    /// Of the payments that belong to this order now.
    pub(super) order: Option<String>,
    /// This one.
    pub(super) event: Option<String>,
    /// Behind this one: `after` of the step before.
    pub(super) after: Option<String>,
    /// Only tell what would change (the default).
    #[serde(default = "yes")]
    pub(super) dry_run: bool,
    /// Why; asked for unless it is a dry run.
    #[schema(min_length = 1, max_length = 4000)]
    pub(super) note: Option<String>,
    /// Who says so; a proxy that says who asks, and a login, have the last word.
    #[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
    pub(super) by: Option<String>,
}

fn yes() -> bool {
    true
}

/// What became of a step's events, or would.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct ReprocessStep {
    pub(super) dry_run: bool,
    /// Events that were read again.
    pub(super) read: u64,
    /// They say what they said.
    pub(super) same: u64,
    /// Their body was purged.
    pub(super) purged: u64,
    /// Their source is not configured any more.
    pub(super) without_source: u64,
    /// Those that say something else, or have to stay.
    pub(super) events: Vec<ReprocessedEvent>,
    /// Where the next step begins; null at the end.
    pub(super) after: Option<String>,
}

/// An event that says something else now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ReprocessedEvent {
    pub(super) event: String,
    pub(super) source: String,
    /// What became of it when it was read last.
    pub(super) was: &'static str,
    /// What becomes of it now; `stays` if it cannot be replaced.
    pub(super) now: &'static str,
    /// The order that it belongs to now.
    pub(super) order: Option<String>,
    pub(super) reason: Option<String>,
}

/// The word for an event that cannot be replaced.
const STAYS: &str = "stays";

pub(super) fn routes(admin: &AdminState) -> Router {
    Router::new()
        .route("/api/v1/reprocess", post(create).fallback(only_post))
        .with_state(admin.clone())
        .layer(from_fn(apart))
}

/// Reads stored events again with today's definitions and settings; unless `dry_run` is false it only tells what would change.
/// At most 1,000 events; `after` continues.
#[utoipa::path(post, path = "/api/v1/reprocess", tag = "events", request_body = ReprocessRequest, security((), ("token" = [])), responses(
    (status = 200, description = "What became of them, or would", body = ReprocessStep),
    (status = 400, description = "The body cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 415, description = "The body is not `application/json`", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    State(admin): State<AdminState>,
    request: Request,
) -> Result<Json<ReprocessStep>, Problem> {
    let actor = RequestActor::of(&request)?;
    let chosen: ReprocessRequest = read(&admin.bodies, request).await?;
    step(&admin, &actor, &chosen).await.map(Json)
}

/// Reads a step's events again.
pub(super) async fn step(
    admin: &AdminState,
    actor: &RequestActor,
    chosen: &ReprocessRequest,
) -> Result<ReprocessStep, Problem> {
    let by = chosen.by(actor)?;
    admin.filter_by_source(chosen.source.as_deref()).await?;
    let mut filter = chosen.filter()?;
    let mut step = ReprocessStep { dry_run: chosen.dry_run, ..ReprocessStep::default() };
    let mut session = admin.store.session();
    let (sources, mut parts) = (admin.sources.all(), 0);
    loop {
        let page = admin.store.stored_events(&filter).await?;
        parts += 1;
        for stored in &page.rows {
            step.read += 1;
            let source = sources.iter().find(|source| *source.name() == stored.key.source);
            match (&stored.payload, source) {
                (None, _) => step.purged += 1,
                (Some(_), None) => step.without_source += 1,
                (Some(body), Some(source)) => {
                    let event = source.reread(&stored.headers, body, stored.received_at);
                    step.add(stored, replace(&mut session, stored, vec![event], by.as_ref()).await?);
                }
            }
        }
        filter.after = page.after;
        if filter.after.is_none() || step.read >= STEP_EVENTS_MAX || parts >= STEP_PARTS_MAX {
            step.after = filter.after;
            break;
        }
    }
    if by.is_some() {
        admin.count_again();
    }
    Ok(step)
}

impl ReprocessRequest {
    /// Who acts; nobody in a dry run.
    fn by(&self, actor: &RequestActor) -> Result<Option<By>, Problem> {
        if self.dry_run {
            return Ok(None);
        }
        let note = self.note.as_deref().unwrap_or_default();
        actor.by(self.by.as_deref(), Some(note)).map(Some).map_err(invalid)
    }

    fn filter(&self) -> Result<EventFilter, Problem> {
        let known = Outcome::ALL.iter().filter(|own| !matches!(own, Outcome::Duplicate | Outcome::Conflict));
        one_of("outcome", self.outcome.as_deref(), known.map(|outcome| outcome.as_str()))?;
        begins(self.after.as_deref())?;
        let kinds = [&self.source, &self.outcome, &self.r#type, &self.order, &self.event];
        if kinds.iter().all(|kind| kind.is_none()) {
            return Err(invalid("expected one of source, outcome, type, order, event"));
        }
        Ok(EventFilter {
            unread: Vec::new(),
            id: self.event.clone(),
            source: self.source.clone(),
            type_name: self.r#type.clone(),
            outcome: self.outcome.clone(),
            order: self.order.clone(),
            payment: None,
            after: self.after.clone(),
            limit: 0,
        })
    }
}

impl ReprocessStep {
    fn add(&mut self, stored: &StoredEvent, replaced: Replaced) {
        let line = |event: String, now, order, reason| ReprocessedEvent {
            event,
            source: stored.key.source.to_string(),
            was: stored.outcome.as_str(),
            now,
            order,
            reason,
        };
        let stays = |reason: String| line(stored.key.id.to_string(), STAYS, None, Some(reason));
        match replaced {
            Replaced::Same => self.same += 1,
            Replaced::Gone => self.events.push(stays("it was replaced in the meantime".to_owned())),
            Replaced::Taken(key) => {
                self.events
                    .push(stays(format!("it is {key} now, and another event is stored under that id")));
            }
            Replaced::Refused(why) => {
                self.events.push(stays(format!("the database refuses what it says now: {why}")));
            }
            Replaced::Done { receipts, .. } => {
                self.events.extend(receipts.into_iter().map(|Receipt { event, order, outcome, reason }| {
                    line(event.to_string(), outcome.as_str(), order.map(|order| order.to_string()), reason)
                }));
            }
        }
    }
}
