//! `POST /webhooks/{source}`: from the request to receipts.
//!
//! The order of the checks is part of the interface: what costs least and tells least comes first. Nothing is stored or
//! looked up before the signature holds. Intake's own tasks do the storing: the handler only waits for them, and a
//! sender that hangs up changes nothing.

use std::iter::repeat;
use std::sync::Arc;

use axum::Json;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Method, header};
use axum::response::{IntoResponse, Response};
use metrics::counter;
use tokio::time::Instant;
use tracing::{Instrument, Span, debug, debug_span, field, info};

use super::arrival::{Arrival, Clock, machine_clock};
use super::body::{BodyLimits, BufferedBody};
use super::diagnoses::Diagnoses;
use super::observer::{AnswerObserver, ObservedAnswer, ObservedReceipt, Refusal};
use super::peers::Peer;
use super::problem::{Code, Problem};
use super::receipts::Receipts;
use super::refusal_log::RefusalLog;
use super::rejections::Rejections;
use super::request_id::RequestId;
use super::sources::{Served, Sources};
use crate::intake::Intake;
use crate::order::{Event, Receipt, UnixMicros};
use crate::printable::printable;
use crate::provider::{Rejection, Source, Verified, Webhook};

/// The label of a source that is none: senders must not make up labels.
const UNKNOWN_SOURCE: &str = "unknown";

/// Characters of a path without a source that are kept.
const PATH_CHARS_MAX: usize = 80;

/// What webhooks are taken with.
#[derive(Debug)]
pub(super) struct WebhookHandler {
    sources: Sources,
    limits: BodyLimits,
    intake: Intake,
    diagnoses: Diagnoses,
    refusals: RefusalLog,
    clock: Clock,
    observer: AnswerObserver,
    rejections: Rejections,
}

impl WebhookHandler {
    pub(super) fn new(
        sources: Sources,
        limits: BodyLimits,
        intake: Intake,
        observer: AnswerObserver,
    ) -> Self {
        Self {
            sources,
            limits,
            intake,
            diagnoses: Diagnoses::default(),
            refusals: RefusalLog::default(),
            clock: machine_clock,
            observer,
            rejections: Rejections::default(),
        }
    }

    /// The same, with refusals noted where people look at them.
    pub(super) fn noting(self, rejections: Rejections) -> Self {
        Self { diagnoses: Diagnoses::explaining(rejections.clone()), rejections, ..self }
    }

    /// The same, by another clock.
    #[cfg(test)]
    pub(super) fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Counts a refusal, and logs it unless its client has had many.
    fn refuse(&self, (id, client): (&RequestId, Peer), source: &str, refused: Refused) -> Response {
        let Refused { problem, reason, detail } = refused;
        counter!("paylatch_rejections_total", "source" => source.to_owned(), "reason" => reason).increment(1);
        let (kind, status) = ((source, reason), problem.status());
        self.rejections.note(kind, status, (&detail, &id.to_string()), (self.clock)());
        if self.refusals.may_log(client) {
            info!(request = %id, source, %client, reason, detail, "webhook refused");
        }
        problem.into_response()
    }

    /// The types of a webhook's events, which are read for those who watch and not otherwise.
    fn types_for_watchers(&self, verified: &Verified<'_>) -> Vec<String> {
        if !self.observer.is_watched() {
            return Vec::new();
        }
        verified.events((self.clock)()).iter().map(|event| event.type_name().to_owned()).collect()
    }

    /// The source that webhooks to `name` are for.
    pub(super) fn source(&self, name: &str) -> Option<Arc<Served>> {
        self.sources.find(name)
    }
}

/// A refusal with two messages: the problem for the caller, the reason for the log and the metric.
pub(super) struct Refused {
    pub(super) problem: Problem,
    reason: &'static str,
    detail: String,
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self { problem: code.into(), reason: code.as_str(), detail: String::new() }
    }
}

impl From<Rejection> for Refused {
    /// One and the same problem, whatever was wrong with the signature.
    fn from(Rejection { reason, detail }: Rejection) -> Self {
        Self { problem: Code::SignatureInvalid.into(), reason, detail }
    }
}

/// Takes a webhook and answers when all its events are durable, or why they are not.
pub(super) async fn receive(
    handler: &WebhookHandler,
    served: Option<Arc<Served>>,
    (id, client): (RequestId, Peer),
    request: Request,
) -> Response {
    let begun = Instant::now();
    let name = served.as_ref().map_or(UNKNOWN_SOURCE, |served| served.source.name().as_str());
    let answer = match served.as_deref() {
        Some(served) => {
            if let Some(answer) = answer_challenge(&served.source, &request) {
                return answer.into_response();
            }
            let span = debug_span!("webhook", source = name, request = %id, events = field::Empty);
            take(handler, served, client, request).instrument(span).await.map(|taken| (served, taken))
        }
        None => Err(unknown_source(request.uri().path())),
    };
    if handler.observer.is_watched() {
        handler.observer.notify(observed((handler.clock)(), name, &answer, begun));
    }
    match answer {
        Ok((served, Taken { receipts, .. })) => accept(&id, served, &receipts),
        Err(refused) => handler.refuse((&id, client), name, refused),
    }
}

/// Who asked for it is told nothing of it; who reads why webhooks are refused should see the mistyped name.
fn unknown_source(path: &str) -> Refused {
    let asked: String = path.chars().take(PATH_CHARS_MAX).collect();
    Refused { detail: format!("{} was asked for", printable(&asked)), ..Code::UnknownSource.into() }
}

/// The one GET: by it a provider asks whether this endpoint holds the secret.
fn answer_challenge(source: &Source, request: &Request) -> Option<String> {
    let path_and_query = request.uri().path_and_query().filter(|_| request.method() == Method::GET)?;
    source.answer_challenge(path_and_query.as_str())
}

fn observed(
    at: UnixMicros,
    source: &str,
    answer: &Result<(&Served, Taken), Refused>,
    begun: Instant,
) -> ObservedAnswer {
    let receipts = |taken: &Taken| {
        // Somebody who began to watch in between is not told the types of this one.
        let types = taken.types.iter().map(String::as_str).chain(repeat(""));
        let pairs = taken.receipts.iter().cloned().zip(types);
        pairs
            .map(|(receipt, type_name)| ObservedReceipt { receipt, type_name: type_name.to_owned() })
            .collect()
    };
    let refusal = |Refused { problem, reason, detail }: &Refused| Refusal {
        status: problem.status(),
        reason,
        detail: detail.clone(),
    };
    ObservedAnswer {
        at,
        source: source.to_owned(),
        answer: answer.as_ref().map(|(_, taken)| receipts(taken)).map_err(refusal),
        took: begun.elapsed(),
    }
}

/// What became of a webhook's events.
struct Taken {
    receipts: Vec<Receipt>,
    /// Their types, in the same order, if somebody watches.
    types: Vec<String>,
}

async fn take(
    handler: &WebhookHandler,
    served: &Served,
    client: Peer,
    request: Request,
) -> Result<Taken, Refused> {
    let Served { source, meters } = served;
    let (head, body) = admit(&handler.limits, client, request).instrument(debug_span!("read")).await?;
    let path_and_query = head.uri.path_and_query().map_or("/", |path| path.as_str());
    let webhook = Webhook { path_and_query, headers: &head.headers, body: &body.bytes };
    let arrival = Arrival::by(handler.clock);
    let now = arrival.now_s();
    match debug_span!("verify").in_scope(|| source.verify(&webhook, now)) {
        Ok(verified) => {
            meters.secret(verified.secret_position);
            let receipts = store(handler, &verified, arrival.received_at, body.last_byte_at).await;
            meters.webhook_seconds.record(body.last_byte_at.elapsed());
            receipts.map(|receipts| Taken { receipts, types: handler.types_for_watchers(&verified) })
        }
        Err(rejection) => {
            handler.diagnoses.look_into((source, &handler.sources), &rejection, (client, head, body), now);
            Err(rejection.into())
        }
    }
}

/// Checks what can be told without the signature, and reads the body.
pub(super) async fn admit(
    limits: &BodyLimits,
    client: Peer,
    request: Request,
) -> Result<(Parts, BufferedBody), Refused> {
    let (head, body) = request.into_parts();
    if head.method != Method::POST {
        let problem = Problem::method_not_allowed("POST");
        return Err(Refused { problem, ..Code::MethodNotAllowed.into() });
    }
    if head.headers.contains_key(header::CONTENT_ENCODING) {
        return Err(Code::ContentEncoded.into());
    }
    match limits.read(body, client).await {
        Ok(body) => Ok((head, body)),
        Err(Code::BodyTooLarge) => {
            let limit = format!("at most {} bytes", limits.bytes_max());
            let problem = Problem::new(Code::BodyTooLarge).detail(limit);
            Err(Refused { problem, ..Code::BodyTooLarge.into() })
        }
        Err(code) => Err(code.into()),
    }
}

/// Makes durable what the webhook says, unless it is known to be.
async fn store(
    handler: &WebhookHandler,
    verified: &Verified<'_>,
    received_at: UnixMicros,
    last_byte_at: Instant,
) -> Result<Vec<Receipt>, Refused> {
    let fingerprint = verified.fingerprint();
    if let Some(duplicates) = handler.intake.find_duplicate(&fingerprint) {
        return Ok(duplicates);
    }
    let events = verified.events(received_at);
    tell_span(&events);
    let stored = handler.intake.process_webhook(fingerprint, events, last_byte_at);
    stored.instrument(debug_span!("store")).await.map_err(|refusal| Code::from(refusal).into())
}

/// A trace says which events it is about.
fn tell_span(events: &[Event]) {
    let span = Span::current();
    if !span.is_disabled() {
        let ids: Vec<_> = events.iter().map(|event| event.key().id.as_str()).collect();
        span.record("events", ids.join(" "));
    }
}

fn accept(id: &RequestId, Served { source, meters }: &Served, receipts: &[Receipt]) -> Response {
    for receipt in receipts {
        meters.event(receipt);
        let outcome = receipt.outcome.as_str();
        debug!(request = %id, source = %source.name(), event = %receipt.event, outcome, "event stored");
    }
    match source.success_body() {
        Some(body) => body.to_owned().into_response(),
        None => Json(Receipts::of(receipts)).into_response(),
    }
}
