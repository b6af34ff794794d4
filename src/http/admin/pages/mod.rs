//! The dashboard: pages that are whole as they come from here. They are read by the functions of the API, work without
//! JavaScript but for `/live`, and load nothing from elsewhere.

mod actions;
mod assets;
mod attention;
mod body;
mod endpoints;
mod event;
mod events;
mod find;
mod form_posts;
mod forms;
mod health;
mod last_heard;
mod layout;
mod link;
mod live;
mod login;
mod order;
mod orders;
mod overview;
mod parts;
mod rejected;
mod settlements;
mod source;
mod sources;
mod timeline;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};

use super::coupons::only_post;
use super::guard::Guard;
use super::state::AdminState;
use crate::http::connection::apart;
use crate::http::public::only_get;

/// The pages, and what they are made with.
pub(super) fn routes(admin: &AdminState, guard: &Arc<Guard>) -> Router {
    let login = login::Login { admin: admin.clone(), guard: Arc::clone(guard) };
    Router::new()
        .route("/login", get(login::page).post(login::log_in))
        .route("/logout", post(login::log_out).fallback(only_post))
        .with_state(login)
        .merge(
            Router::new()
                .route("/", get(overview::page).fallback(only_get))
                .route("/find", get(find::page).fallback(only_get))
                .route("/orders", get(orders::page).fallback(only_get))
                .route("/orders/{source}/{id}", get(order::page).fallback(only_get))
                .route("/events", get(events::page).fallback(only_get))
                .route("/events/{source}/{id}", get(event::page).fallback(only_get))
                .route("/attention", get(attention::page).fallback(only_get))
                .route("/rejected", get(rejected::page).fallback(only_get))
                .route("/sources", get(sources::page).fallback(only_get))
                .route("/sources/{name}", get(source::page).fallback(only_get))
                .route("/endpoints", get(endpoints::page).fallback(only_get))
                .route("/settlements", get(settlements::page).fallback(only_get))
                .route("/live", get(live::page).fallback(only_get))
                .route("/health", get(health::page).fallback(only_get))
                .route("/actions", get(actions::page).fallback(only_get))
                .with_state(admin.clone()),
        )
        .merge(
            Router::new()
                .route(
                    "/orders/{source}/{id}/acknowledge",
                    post(form_posts::acknowledge_order).fallback(only_post),
                )
                .route(
                    "/events/{source}/{id}/acknowledge",
                    post(form_posts::acknowledge_event).fallback(only_post),
                )
                .route(
                    "/findings/{source}/{id}/acknowledge",
                    post(form_posts::acknowledge_finding).fallback(only_post),
                )
                .route("/payments/{source}/{id}/assign", post(form_posts::assign_payment).fallback(only_post))
                .route("/endpoints/{name}/{verb}", post(endpoints::act).fallback(only_post))
                .route("/reprocess", post(form_posts::reprocess).fallback(only_post))
                .with_state(admin.clone())
                .layer(from_fn(apart)),
        )
        .route("/assets/{file}", get(assets::asset).fallback(only_get))
}
