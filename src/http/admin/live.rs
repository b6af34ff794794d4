//! `/api/v1/live`: every answer to a provider as it is given, by this replica. Never a body, never a secret.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream::{self, StreamExt};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::paging;
use super::streams::Streams;
use crate::http::Problem;
use crate::http::observer::{ObservedAnswer, ObservedReceipt, Refusal, Seen};
use crate::http::problem::Body;
use crate::order::Outcome;

/// Where outcomes stand: the webhook was not taken.
const REFUSED: &str = "refused";

/// Which answers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// Those of this source; `unknown` are the webhooks to sources that there are not.
    source: Option<String>,
    /// Those with this outcome; `refused` are the webhooks that were not taken.
    #[param(schema_with = outcomes)]
    outcome: Option<String>,
}

fn outcomes() -> utoipa::openapi::Object {
    paging::described(words())
}

fn words() -> impl Iterator<Item = &'static str> + Clone {
    Outcome::ALL.iter().map(|outcome| outcome.as_str()).chain([REFUSED])
}

/// What became of one event, or of a webhook that was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LiveAnswer<'a> {
    /// When it was answered.
    #[schema(format = DateTime)]
    at: String,
    /// The configured account of the provider, or `unknown`.
    source: &'a str,
    /// The event; null for a refused webhook.
    event: Option<&'a str>,
    /// The provider's name for what happened; null for a refused webhook.
    r#type: Option<&'a str>,
    /// The order that it belongs to, as far as it is known.
    order: Option<&'a str>,
    /// The event's outcome, or `refused`.
    outcome: &'static str,
    /// Why, where the outcome does not say it; of a refused webhook the word that the log has.
    reason: Option<&'a str>,
    /// What the log says of a refused webhook.
    detail: Option<&'a str>,
    /// The HTTP status.
    status: u16,
    /// From the request's head to the answer, in milliseconds.
    took_ms: f64,
}

/// Answers as they are given, as Server-Sent Events: `data` is an object for each event of a webhook, and for each webhook
/// that was refused. To a viewer that is too slow an event `missed` tells how many answers it lost: `{"missed":12}`.
#[utoipa::path(get, path = "/api/v1/live", tag = "live", params(ListQuery), security((), ("token" = [])), responses(
    (status = 200, description = "A stream of answers", body = LiveAnswer, content_type = "text/event-stream"),
    (status = 400, description = "The query cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 503, description = "Too many streams are open", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn live(
    State(streams): State<Streams>,
    which: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let which = paging::query(which)?;
    paging::one_of("outcome", which.outcome.as_deref(), words())?;
    let seen = stream::unfold(streams.answers.watch(), |mut watch| async {
        watch.next().await.map(|seen| (seen, watch))
    });
    streams.tell(seen.flat_map(move |seen| stream::iter(which.events(&seen))))
}

impl ListQuery {
    fn events(&self, seen: &Seen) -> Vec<Event> {
        let answer = match seen {
            Seen::Answer(answer) => answer,
            Seen::Missed(count) => {
                let missed = serde_json::json!({ "missed": count });
                return Event::default().event("missed").json_data(missed).into_iter().collect();
            }
        };
        let told = LiveAnswer::of(answer).into_iter().filter(|answered| self.includes(answered));
        told.filter_map(|answered| Event::default().json_data(answered).ok()).collect()
    }

    fn includes(&self, answered: &LiveAnswer<'_>) -> bool {
        let is = |wanted: &Option<String>, own: &str| wanted.as_ref().is_none_or(|wanted| wanted == own);
        is(&self.source, answered.source) && is(&self.outcome, answered.outcome)
    }
}

impl<'a> LiveAnswer<'a> {
    /// One for each event, or one for the refusal.
    fn of(answer: &'a ObservedAnswer) -> Vec<Self> {
        let at = Timestamp::from_microsecond(answer.at.0).unwrap_or_default().to_string();
        let (source, took_ms) = (answer.source.as_str(), answer.took.as_secs_f64() * 1_000.0);
        match &answer.answer {
            Ok(receipts) => {
                let told = receipts.iter().map(|ObservedReceipt { receipt, type_name }| Self {
                    at: at.clone(),
                    source,
                    event: Some(receipt.event.as_str()),
                    r#type: Some(type_name.as_str()).filter(|name| !name.is_empty()),
                    order: receipt.order.as_ref().map(|order| order.as_str()),
                    outcome: receipt.outcome.as_str(),
                    reason: receipt.reason.as_deref(),
                    detail: None,
                    status: 200,
                    took_ms,
                });
                told.collect()
            }
            Err(Refusal { status, reason, detail }) => vec![Self {
                at,
                source,
                event: None,
                r#type: None,
                order: None,
                outcome: REFUSED,
                reason: Some(reason),
                detail: Some(detail.as_str()).filter(|detail| !detail.is_empty()),
                status: *status,
                took_ms,
            }],
        }
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::{ListQuery, Seen, Streams, stream};

    #[tokio::test]
    async fn a_viewer_that_lost_answers_is_told_how_many_whatever_it_asked_for() {
        let which = ListQuery { source: Some("stripe".to_owned()), outcome: Some("dead".to_owned()) };
        let answer = Streams::default().tell(stream::iter(which.events(&Seen::Missed(12)))).unwrap();
        let told = answer.into_body().collect().await.unwrap().to_bytes();
        let told = String::from_utf8_lossy(&told);
        assert!(told.starts_with("retry: 500\n: \n\n"), "at once: {told}");
        assert!(told.ends_with("event: missed\ndata: {\"missed\":12}\n\n"), "{told}");
    }
}
