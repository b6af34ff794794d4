//! `/api/v1/announcements`: which orders and settlements changed, for an application that asks for it.
//!
//! The application keeps its place: it asks for what came after the cursor of its last page, once it has dealt with that page.
//! What it was told and did not deal with it is told again; what it dealt with it drops by (epoch, version).

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use utoipa::{IntoParams, ToSchema};

use super::paging;
use super::read_ahead::ReadAhead;
use super::streams::Streams;
use crate::http::problem::Body;
use crate::http::{Code, Problem};
use crate::store::{Announcement, Announcements, StoreError};

/// Announcements of one answer at most.
const ANNOUNCEMENTS_MAX: u32 = 1_000;
const ANNOUNCEMENTS_DEFAULT: u32 = 100;
/// The longest that an answer waits for something to tell, in seconds.
const WAIT_MAX_S: u32 = 30;
/// How long a stream waits for a database that is away.
const AWAY_RETRY_AFTER: Duration = Duration::from_secs(1);

/// What the routes work with.
#[derive(Debug, Clone)]
pub(super) struct AnnouncementsState {
    pub(super) pages: ReadAhead,
    /// How often the log is looked at while somebody waits.
    pub(super) poll: Duration,
    pub(super) streams: Streams,
}

/// Which announcements.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// What came after this: `after` of the answer before. From the beginning of the log if there is none, or 0.
    after: Option<String>,
    /// How many.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// So many seconds to wait while there is nothing.
    #[param(minimum = 0, maximum = 30, default = 0)]
    wait_s: Option<u32>,
}

/// What changed.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AnnouncementPage {
    /// Each order and each settlement once, in the order of its last change.
    announcements: Vec<Announcement>,
    /// What to ask with for the rest.
    after: String,
    /// Nothing more is there now.
    at_end: bool,
}

/// Orders and settlements that changed since the cursor `after`, as they are now, or were a second ago at most.
#[utoipa::path(get, path = "/api/v1/announcements", tag = "announcements", params(ListQuery),
    security((), ("token" = [])), responses(
    (status = 200, description = "What changed", body = AnnouncementPage),
    (status = 400, description = "The query cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 410, description = "The cursor fell off the log, or is from another epoch: begin without one",
        body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    State(state): State<AnnouncementsState>,
    which: Result<Query<ListQuery>, QueryRejection>,
) -> Result<Json<AnnouncementPage>, Problem> {
    let which = paging::query(which)?;
    let limit = paging::within("limit", which.limit, 1..=ANNOUNCEMENTS_MAX, ANNOUNCEMENTS_DEFAULT)?;
    let wait = paging::within("wait_s", which.wait_s, 0..=WAIT_MAX_S, 0)?;
    let until = Instant::now() + Duration::from_secs(wait.into());
    let cursor = which.after.as_deref().map(Cursor::read).transpose()?.flatten();
    loop {
        let found = state.after(cursor, limit).await?.ok_or(Code::CursorGone)?;
        if !found.told.is_empty() || Instant::now() + state.poll > until {
            if !found.at_end {
                state.pages.begin(found.next, limit);
            }
            return Ok(Json(found.into()));
        }
        sleep(state.poll).await;
    }
}

/// Where a stream begins.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Begin {
    /// After this: the `id` of an announcement, or `after` of a page. The header `Last-Event-ID`, which browsers send when they
    /// ask again, goes before it. From the beginning of the log if there is neither.
    after: Option<String>,
}

/// Orders and settlements that changed since the cursor `after`, and those that change from now on, as Server-Sent Events: `data` is an
/// announcement, `id` the cursor behind it.
#[utoipa::path(get, path = "/api/v1/announcements/stream", tag = "announcements", params(Begin),
    security((), ("token" = [])), responses(
    (status = 200, description = "A stream of announcements", body = Announcement, content_type = "text/event-stream"),
    (status = 400, description = "The cursor cannot be read", body = Body, content_type = "application/problem+json"),
    (status = 410, description = "The cursor fell off the log, or is from another epoch: begin without one",
        body = Body, content_type = "application/problem+json"),
    (status = 503, description = "Too many streams are open", body = Body, content_type = "application/problem+json"),
))]
pub(super) async fn stream(
    State(state): State<AnnouncementsState>,
    headers: HeaderMap,
    begin: Result<Query<Begin>, QueryRejection>,
) -> Result<Response, Problem> {
    let after = paging::query(begin)?.after;
    let last_seen = headers.get("last-event-id").and_then(|id| id.to_str().ok()).filter(|id| !id.is_empty());
    let cursor = last_seen.or(after.as_deref()).map(Cursor::read).transpose()?.flatten();
    // A cursor that is gone is a status, not the end of a stream that has begun.
    let found = state.after(cursor, ANNOUNCEMENTS_DEFAULT).await?.ok_or(Code::CursorGone)?;
    let streams = state.streams.clone();
    let first = Cursor { epoch: found.epoch, position: cursor.map_or(0, |cursor| cursor.position) };
    let pages = stream::unfold((state, first, Some(found)), |(state, cursor, found)| async move {
        let found = match found {
            Some(found) => found,
            None => state.wait_after(cursor).await?,
        };
        Some((found.told, (state, Cursor { position: found.next, ..cursor }, None)))
    });
    streams.tell(pages.flat_map(move |told| {
        stream::iter(told.into_iter().filter_map(move |one| {
            let id = Cursor { position: one.position(), ..first }.show();
            Event::default().id(id).json_data(one).ok()
        }))
    }))
}

impl AnnouncementsState {
    /// At most `limit` announcements after the cursor; none at all if it is gone.
    async fn after(&self, cursor: Option<Cursor>, limit: u32) -> Result<Option<Announcements>, StoreError> {
        let found = self.pages.page(cursor.map_or(0, |cursor| cursor.position), limit).await?;
        let is_gone = found.fell_off || cursor.is_some_and(|cursor| cursor.epoch != found.epoch);
        Ok((!is_gone).then_some(found))
    }

    /// The next ones, once there are some; a database that is away is waited for. Nothing if the cursor is gone by then.
    async fn wait_after(&self, cursor: Cursor) -> Option<Announcements> {
        loop {
            match self.after(Some(cursor), ANNOUNCEMENTS_DEFAULT).await {
                Ok(Some(found)) if found.told.is_empty() => sleep(self.poll).await,
                Ok(found) => return found,
                Err(_) => sleep(AWAY_RETRY_AFTER).await,
            }
        }
    }
}

impl From<Announcements> for AnnouncementPage {
    fn from(found: Announcements) -> Self {
        let after = Cursor { epoch: found.epoch, position: found.next }.show();
        Self { announcements: found.told, after, at_end: found.at_end }
    }
}

/// A place in the log of one epoch.
#[derive(Debug, Clone, Copy)]
struct Cursor {
    epoch: i64,
    position: i64,
}

impl Cursor {
    /// None before the first page: who keeps its place in a column begins with nothing, or with 0.
    fn read(text: &str) -> Result<Option<Self>, Problem> {
        if matches!(text, "" | "0") {
            return Ok(None);
        }
        let number = |text: &str| text.parse().ok().filter(|number: &i64| *number >= 0);
        text.split_once('-')
            .and_then(|(epoch, position)| Some(Self { epoch: number(epoch)?, position: number(position)? }))
            .map(Some)
            .ok_or_else(|| paging::invalid("after: expected the `after` of an answer"))
    }

    fn show(self) -> String {
        format!("{}-{}", self.epoch, self.position)
    }
}
