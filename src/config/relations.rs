//! Checks settings against each other: what must be given together, and which limit must be below which.

use std::time::Duration;

use super::database::is_sqlite;
use super::reader::Reader;
use super::settings::{Needs, Settings};
use crate::lock::Locks;

/// The longest that the most impatient providers wait for an answer.
const PROVIDER_WAIT: Duration = Duration::from_secs(5);

/// Objects to what cannot be, and advises against what is probably not meant.
pub(super) fn check(settings: &Settings, reader: &mut Reader, needs: Needs) {
    check_presence(settings, reader, needs);
    check_tokens(settings, reader);
    check_listeners(settings, reader);
    check_sizes(settings, reader);
    check_lock(settings, reader);
    advise(settings, reader);
}

fn check_presence(settings: &Settings, reader: &mut Reader, needs: Needs) {
    if needs.database && !reader.is_given("database_url") && !reader.is_given("database_url_file") {
        let problem = "expected postgres://user@host/database or sqlite://path (`paylatch dev` needs none)";
        reader.object("database_url", problem);
    }
    if needs.sources && !reader.has_read_below("sources") {
        let problem = "expected at least one source, such as [sources.stripe] with provider and secrets";
        reader.object("sources", problem);
    }
    let token_is_given = reader.is_given("admin_token") || reader.is_given("admin_token_file");
    if !settings.admin_listen.ip().is_loopback() && !token_is_given {
        let address = settings.admin_listen;
        reader.object(
            "admin_token",
            format!("expected a token, because admin_listen {address} is not loopback"),
        );
    }
}

/// Whoever may only look is told apart by a token, from those who may act.
fn check_tokens(settings: &Settings, reader: &mut Reader) {
    let admin = &settings.admin;
    for (name, token) in [("admin_token", &admin.token), ("admin_view_token", &admin.view_token)] {
        if token.as_ref().is_some_and(|token| token.expose().is_empty()) {
            reader.object(name, "is empty; expected a token");
        }
    }
    match (&admin.token, &admin.view_token) {
        (None, Some(_)) => reader
            .object("admin_view_token", "is set, but without admin_token everybody may act; expected both"),
        (Some(token), Some(view)) if token == view => {
            reader.object("admin_view_token", "is the admin_token; expected another text");
        }
        (_, None) if admin.view_bodies => {
            reader.object("admin_view_bodies", "is set, but there is no admin_view_token that it is about");
        }
        _ => {}
    }
}

fn check_listeners(settings: &Settings, reader: &mut Reader) {
    if settings.listen == settings.admin_listen && settings.listen.port() != 0 {
        reader.object("admin_listen", format!("is {}, as listen is; expected another port", settings.listen));
    }
}

fn check_sizes(settings: &Settings, reader: &mut Reader) {
    let (intake, http) = (&settings.intake, &settings.http);
    let body = ("http.body_bytes_max", http.body_bytes_max);
    for ((small, is), (large, limit)) in [
        (
            ("intake.batch_events_max", intake.batch_events_max),
            ("intake.queue_events_max", intake.queue_events_max),
        ),
        (body, ("intake.queue_bytes_max", intake.queue_bytes_max)),
        (body, ("http.body_bytes_in_flight_max", http.body_bytes_in_flight_max)),
    ] {
        if is > limit {
            reader.object(small, format!("is {is}; expected at most {large}, which is {limit}"));
        }
    }
    if settings.store.as_ref().is_some_and(is_sqlite) && intake.lanes > 1 {
        reader.object("intake.lanes", format!("is {}; expected 1: SQLite has one writer", intake.lanes));
    }
}

fn check_lock(settings: &Settings, reader: &mut Reader) {
    let backend = settings.lock.backend.as_str();
    let speaks_tls = settings.lock.urls.iter().any(|url| url.expose().starts_with("rediss"));
    for name in ["lock.ca_file", "lock.cert_file", "lock.key_file"] {
        if reader.is_given(name) && !speaks_tls {
            reader.object(name, "is set, but no address in lock.urls begins with rediss");
        }
    }
    match (backend, settings.lock.urls.is_empty()) {
        ("local", false) => {
            reader.object(
                "lock.urls",
                "is set, but lock.backend is local; expected another backend, or no urls",
            );
        }
        ("postgres", true) => {
            reader.object("lock.urls", "expected a Postgres URL, because database_url is none")
        }
        (_, true) if backend != "local" => {
            reader.object("lock.urls", format!("expected the URLs of the {backend} servers"));
        }
        // Only the backend can judge the rest.
        _ => {
            if let Err(problem) = Locks::new(&settings.lock) {
                let (setting, problem) = problem
                    .split_once(' ')
                    .filter(|(first, _)| first.starts_with("lock."))
                    .unwrap_or(("lock", &problem));
                reader.object(setting.trim_end_matches(':'), problem);
            }
        }
    }
}

fn advise(settings: &Settings, reader: &mut Reader) {
    let (intake, lock) = (&settings.intake, &settings.lock);
    if intake.lock_wait < lock.ttl {
        let problem = "is shorter than lock.ttl_ms: after a replica crashed, events of its orders are answered 503 until its \
                       leases end";
        reader.advise("lock.wait_ms", problem);
    }
    if intake.lock_wait >= intake.deadline {
        let problem = "is not shorter than intake.deadline_ms: an order that stays busy is answered 503 by the deadline";
        reader.advise("lock.wait_ms", problem);
    }
    if intake.deadline >= PROVIDER_WAIT {
        let problem = "is 5000 or more: several providers wait no longer than 5 s for an answer";
        reader.advise("intake.deadline_ms", problem);
    }
}
