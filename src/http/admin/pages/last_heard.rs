//! When a source was last heard of, in words.

use maud::{Markup, html};

use super::{link, parts};
use crate::http::admin::sources::SourceState;

pub(super) fn last_heard(state: &SourceState) -> Markup {
    html! { @match (&state.last_event_at, state.quiet_for_s) {
        (Some(at), Some(quiet)) => { (parts::time(at)) " · " (parts::duration(quiet)) " ago" }
        _ => "–",
    } }
}

pub(super) fn rhythm(state: &SourceState) -> Markup {
    html! { @match state.usually_every_s { Some(0) => "several a second", Some(gap) => { "every " (parts::duration(gap)) } None => "–" } }
}

pub(super) fn refused(state: &SourceState) -> Markup {
    html! { @match &state.refused_for {
        Some(reason) => { a href=(link::query("rejected", &[("source", Some(&state.source))])) { (state.refused) ": " (reason.replace('_', " ")) } }
        None => "–",
    } }
}
