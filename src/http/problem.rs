//! Every refusal: its code, status and words, in one table.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::intake::Refusal;

/// Seconds after which a sender that was told 503 may come again.
const RETRY_AFTER_S: u16 = 1;
/// Seconds after which wrong tokens are forgotten.
pub(super) const FAILURES_FORGOTTEN_AFTER_S: u16 = 60;

/// Writes the table once: the enum, its codes, statuses and titles.
macro_rules! table {
    ($($(#[doc = $doc:literal])+ $variant:ident = $status:literal $code:literal $title:literal,)+) => {
        /// Why a request was refused. The words are stable: senders and dashboards match on them.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code { $($(#[doc = $doc])+ $variant),+ }

        impl Code {
            /// All of them, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in `code`, and after `urn:paylatch:error:` in `type`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code),+ }
            }

            /// The HTTP status.
            #[must_use]
            pub fn status(self) -> u16 {
                match self { $(Self::$variant => $status),+ }
            }

            /// One sentence for people, the same for every occurrence.
            #[must_use]
            pub fn title(self) -> &'static str {
                match self { $(Self::$variant => $title),+ }
            }
        }
    };
}

table! {
    /// No route has this path.
    UnknownPath = 404 "unknown_path" "Nothing is served at this path",
    /// `/webhooks/{source}` names none of the settings' sources.
    UnknownSource = 404 "unknown_source" "No source has this name",
    /// The path exists, for another method.
    MethodNotAllowed = 405 "method_not_allowed" "The path does not take this method",
    /// `Content-Encoding` is present.
    ContentEncoded = 415 "content_encoded" "The body must not be encoded: its exact bytes are signed",
    /// More bytes than `http.body_bytes_max`.
    BodyTooLarge = 413 "body_too_large" "The body is larger than this server takes",
    /// The last byte did not come in time.
    BodyTooSlow = 408 "body_too_slow" "The body did not arrive in time",
    /// The sender broke off, or its chunks are malformed.
    BodyBroken = 400 "body_broken" "The body could not be read to its end",
    /// Signature missing, malformed, wrong, or outside the tolerance. The caller is not told which.
    SignatureInvalid = 401 "signature_invalid" "The webhook's signature does not verify",
    /// `http.body_bytes_in_flight_max` is in use.
    MemoryFull = 503 "memory_full" "Too many bodies are in work; send it again",
    /// `intake.queue_events_max` or `intake.queue_bytes_max` is reached.
    QueueFull = 503 "queue_full" "Too many events are waiting; send it again",
    /// Another holds the order's lock for longer than `lock.wait_ms`.
    LockBusy = 503 "lock_busy" "The order is busy; send it again",
    /// No answer from the database.
    DatabaseAway = 503 "database_away" "The database does not answer",
    /// `intake.deadline_ms` passed.
    DeadlinePassed = 503 "deadline_passed" "It was not stored in time; send it again",
    /// The process is ending.
    ShuttingDown = 503 "shutting_down" "This server is shutting down; send it again",
    /// A task that stores events failed.
    LaneFailed = 503 "lane_failed" "Storing failed; send it again",
    /// The database answers, but must not be used: `paylatch check` says why.
    DatabaseUnfit = 503 "database_unfit" "The database cannot be used as it is",
    /// The admin listener: others' questions take their time, or this one took too long.
    Busy = 503 "busy" "The database is busy with other questions; ask again, or for less",
    /// The admin listener: so many streams are open that nobody else may watch.
    TooManyStreams = 503 "too_many_streams" "Too many streams are open; ask again, or for a list",
    /// `/readyz`: do not route webhooks here now.
    NotReady = 503 "not_ready" "This server cannot store events now",
    /// The admin listener: `Authorization: Bearer` is missing or is not `admin_token`.
    TokenInvalid = 401 "token_invalid" "The admin token is missing or wrong",
    /// The admin listener: too many wrong tokens from one address.
    TooManyFailures = 429 "too_many_failures" "Too many wrong tokens came from your address",
    /// The admin listener has no token, so it is asked by its address only: a web page could make up a name.
    HostUnknown = 421 "host_unknown" "Without admin_token, ask for localhost or an address",
    /// The admin listener: a page of another site asks to change something, or one of another port of this machine.
    CrossOrigin = 403 "cross_origin" "Only pages of this server may ask for that",
    /// The admin listener: `admin_view_token` reads, and does nothing.
    NotPermitted = 403 "not_permitted" "Your token may not do that",
    /// A query names an unknown field, or a value that cannot be.
    QueryInvalid = 400 "query_invalid" "The query cannot be read",
    /// No order has this source and id.
    UnknownOrder = 404 "unknown_order" "No such order",
    /// No payment has this source and id.
    UnknownPayment = 404 "unknown_payment" "No such payment",
    /// No source is in this ledger.
    UnknownLedger = 404 "unknown_ledger" "No source is in this ledger",
    /// The expectation's revision stands with other terms, which count: state it with a higher revision.
    ExpectationConflict = 409 "expectation_conflict" "This revision stands with other terms",
    /// No event has this source and id.
    UnknownEvent = 404 "unknown_event" "No such event",
    /// No finding of this source and movement is open.
    UnknownFinding = 404 "unknown_finding" "No such finding",
    /// No endpoint of this name was ever told.
    UnknownEndpoint = 404 "unknown_endpoint" "No such endpoint",
    /// The cursor fell off the log of changes, or another epoch began: read all orders, then ask without `after`.
    CursorGone = 410 "cursor_gone" "The cursor is too old",
    /// The event is stored, its body was purged.
    BodyPurged = 410 "body_purged" "The event's body was purged",
    /// A body is not `application/json`.
    NotJson = 415 "not_json" "The body must be application/json",
    /// A body is not JSON, misses a field, names an unknown one, or holds a value that cannot be.
    BodyInvalid = 400 "body_invalid" "The body is not what is expected here",
    /// No coupon has this code.
    UnknownCoupon = 404 "unknown_coupon" "No such coupon",
    /// A coupon of this code stands, with another cap.
    CouponDiffers = 409 "coupon_differs" "A coupon of this code has another max_redemptions",
    /// Every redemption of the coupon is taken.
    SoldOut = 409 "sold_out" "Nothing is left of this coupon",
    /// The redeemer does not have the coupon.
    UnknownRedemption = 404 "unknown_redemption" "No such redemption",
    /// A fault of this program.
    Internal = 500 "internal" "This server made a mistake; the log tells which",
}

impl From<Refusal> for Code {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::QueueFull => Self::QueueFull,
            Refusal::LockBusy => Self::LockBusy,
            Refusal::DatabaseAway => Self::DatabaseAway,
            Refusal::DatabaseUnfit => Self::DatabaseUnfit,
            Refusal::DeadlinePassed => Self::DeadlinePassed,
            Refusal::ShuttingDown => Self::ShuttingDown,
            Refusal::LaneFailed => Self::LaneFailed,
        }
    }
}

/// A refusal as the caller sees it, RFC 9457 (`application/problem+json`).
#[derive(Debug, Clone)]
pub struct Problem {
    code: Code,
    detail: Option<String>,
    allow: Option<&'static str>,
}

impl Problem {
    /// The problem of this code.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self { code, detail: None, allow: None }
    }

    /// Says what was expected of this request. Never a secret, an expected signature, or what a database said.
    #[must_use]
    pub fn detail(self, detail: impl Into<String>) -> Self {
        Self { detail: Some(detail.into()), ..self }
    }

    /// The HTTP status.
    pub(super) fn status(&self) -> u16 {
        self.code.status()
    }

    /// The same, as an answer has it.
    pub(super) fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.code.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// One sentence for people.
    pub(super) fn title(&self) -> &'static str {
        self.code.title()
    }

    /// What was expected.
    pub(super) fn told(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Names the methods that the path takes.
    pub(super) fn method_not_allowed(allow: &'static str) -> Self {
        Self { allow: Some(allow), ..Self::new(Code::MethodNotAllowed) }
    }

    /// Answers with the problem and whatever `members` adds to it.
    pub(super) fn with_members(self, members: impl Serialize) -> Response {
        let status = self.status_code();
        let body = Body {
            r#type: format!("urn:paylatch:error:{}", self.code.as_str()),
            title: self.code.title(),
            status: self.code.status(),
            code: self.code.as_str(),
            detail: self.detail,
        };
        let mut response = (status, Json(Extended { body, members })).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        }
        if self.code == Code::TooManyFailures {
            headers.insert(header::RETRY_AFTER, FAILURES_FORGOTTEN_AFTER_S.into());
        }
        if self.code == Code::TokenInvalid {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(methods) = self.allow {
            headers.insert(header::ALLOW, HeaderValue::from_static(methods));
        }
        response
    }
}

impl From<Code> for Problem {
    fn from(code: Code) -> Self {
        Self::new(code)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.with_members(())
    }
}

/// Why a request was refused, as RFC 9457 has it.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(super) struct Body {
    /// `urn:paylatch:error:` and the code.
    r#type: String,
    /// One sentence for people, the same for every occurrence of the code.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// A stable word to match on; docs/answers.md lists all.
    code: &'static str,
    /// What was expected of this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    detail: Option<String>,
}

#[derive(Serialize)]
struct Extended<T> {
    #[serde(flatten)]
    body: Body,
    #[serde(flatten)]
    members: T,
}
