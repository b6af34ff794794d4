//! `/openapi.json`, written from what stands beside the handlers.

use axum::http::header;
use axum::response::{IntoResponse, Response};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{
    __path_exposition, acknowledgements, actions, announcements, attention, coupons, endpoints, events,
    expectations, find, findings, live, orders, payments, rejections, reprocess, sources,
};

/// The API of the admin listener.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Paylatch",
        description = "Orders and events as they are stored, what orders should cost, who is told of them, what needs a person, and coupons. Every refusal is a problem (RFC 9457) with a stable code. \
                       Besides those listed: 401 and 429 for a token that is missing or wrong, 403 for one \
                       that may not do that or a page of another site, 421 for a name that is \
                       not this machine's, 503 while the database is away.",
    ),
    servers((url = "/")),
    paths(
        orders::list, orders::one, events::list, events::one, events::raw,
        announcements::list, announcements::stream, live::live, coupons::create, coupons::one, coupons::redeem, coupons::give_back,
        payments::create, endpoints::list, endpoints::pause, endpoints::resume, endpoints::resync, actions::list, findings::list, attention::list, find::list, rejections::list, sources::list,
        events::raw_conflict, acknowledgements::order, acknowledgements::event, acknowledgements::finding, reprocess::create,
        expectations::create, expectations::one, expectations::returned, expectations::create_many, expectations::list,
        exposition,
    ),
    modifiers(&Token, &OperationIds),
)]
pub(super) struct Description;

struct Token;

impl Modify for Token {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("`admin_token`, if it is set; to read, `admin_view_token` is enough"));
        let components = description.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme.build()));
    }
}

/// Names each operation by its method and path: the names of the handlers repeat, and OpenAPI wants them unique.
struct OperationIds;

impl Modify for OperationIds {
    fn modify(&self, description: &mut utoipa::openapi::OpenApi) {
        for (path, item) in &mut description.paths.paths {
            let name = path.trim_start_matches("/api/v1").trim_start_matches('/').replace(['{', '}'], "");
            let name = name.replace(['/', '-'], "_");
            let operations = [
                ("get", &mut item.get),
                ("put", &mut item.put),
                ("post", &mut item.post),
                ("delete", &mut item.delete),
            ];
            for (method, operation) in operations {
                if let Some(operation) = operation {
                    operation.operation_id = Some(format!("{method}_{name}"));
                }
            }
        }
    }
}

pub(super) async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], openapi_text()).into_response()
}

/// The description as it is served at `/openapi.json`.
#[must_use]
pub fn openapi_text() -> String {
    Description::openapi().to_json().unwrap_or_default()
}
