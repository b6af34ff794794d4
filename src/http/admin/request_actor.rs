//! Who makes a request of the admin listener: the name and request id that are stored with what the request changes.

use axum::extract::{Request, State};
use axum::http::HeaderName;
use axum::middleware::Next;
use axum::response::Response;

use super::guard::Caller;
use crate::http::request_id::RequestId;
use crate::http::{Code, Problem, received_now};
use crate::store::{By, Role};

/// Of whom nobody says who they are: all who know the token, or reach a listener without one.
const NOBODY_SAYS_WHO: &str = "the API";

/// What a request says of who acts by it.
#[derive(Debug, Clone)]
pub(super) struct RequestActor {
    /// In a proxy's words; else who they said they are when they logged in.
    user: Option<String>,
    request_id: String,
}

/// Reads who acts, once the guard has let the request pass: only who shows the token may name anybody in the proxy's header.
pub(super) async fn identify(
    State(proxy_user_header): State<Option<HeaderName>>,
    mut request: Request,
    next: Next,
) -> Response {
    let user =
        proxy_user_header.and_then(|name| request.headers().get(name)?.to_str().ok().map(str::to_owned));
    let logged_in = request.extensions().get::<Caller>().and_then(|caller| caller.name.as_ref());
    let user = user.or_else(|| logged_in.map(ToString::to_string));
    let id = request.extensions().get::<RequestId>().cloned();
    let request_id = id.unwrap_or_else(|| RequestId::of(request.headers())).to_string();
    request.extensions_mut().insert(RequestActor { user, request_id });
    next.run(request).await
}

impl RequestActor {
    /// Of whom `request` comes.
    pub(super) fn of(request: &Request) -> Result<Self, Problem> {
        request.extensions().get::<Self>().cloned().ok_or(Problem::new(Code::Internal))
    }

    /// Who acts, with the reason that they give; `named` is who they say they are, where no proxy says it.
    pub(super) fn by(&self, named: Option<&str>, note: Option<&str>) -> Result<By, String> {
        let actor = self.user.as_deref().or(named).unwrap_or(NOBODY_SAYS_WHO);
        let by = By::new(actor, Role::Operator, note, received_now())?;
        Ok(by.by_request(self.request_id.clone()))
    }
}
