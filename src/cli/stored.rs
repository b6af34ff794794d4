//! Rebuilds the webhook that a stored event came in, so that it can be signed and sent again.

use http::Uri;

use super::context::now_seconds;
use super::failure::{Exit, Failure};
use super::fixtures::Fixture;
use super::samples::read_signed;
use crate::provider::Source;
use crate::store::{EventFilter, Store};

/// The webhook of `event`, by the bytes that are stored; one of several is sent alone. It is signed anew; what of its headers
/// says something was kept with it.
pub(super) async fn webhook_of(
    store: &Store,
    source: &Source,
    url: &Uri,
    event: &str,
) -> Result<Fixture, Failure> {
    let filter = EventFilter {
        id: Some(event.to_owned()),
        source: Some(source.name().to_string()),
        ..EventFilter::default()
    };
    let Some(stored) = store.stored_events(&filter).await?.rows.pop() else {
        return Err(Failure::no_event(event, Some(source.name().as_str())));
    };
    let purged = || {
        let message = format!("event {event:?} has no body any more: it was purged");
        Failure::new(Exit::Failed, "body_purged", message)
    };
    let body = stored.payload.ok_or_else(purged)?;
    let path_and_query = url.path_and_query().map_or("/", |path| path.as_str());
    let framed = source.framed(&body);
    let mut why = String::new();
    for body in [Some(body), framed].into_iter().flatten() {
        let fixture = Fixture { headers: stored.headers.clone(), ..Fixture::new(event, body) };
        let signed = source.sign_again(path_and_query, &fixture.headers, &fixture.body, now_seconds());
        match read_signed(source, path_and_query, &signed) {
            Ok(events) if events.iter().any(|event| *event.key() == stored.key) => return Ok(fixture),
            Ok(_) => "today's definition reads another event in it".clone_into(&mut why),
            Err(problem) => why = problem,
        }
    }
    let message = format!("event {event:?} cannot be sent as it came: {why}");
    Err(Failure::new(Exit::Failed, "not_as_it_came", message)
        .hint("`paylatch reprocess EVENT_ID` reads it again; or have the provider send it again"))
}
