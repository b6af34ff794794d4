//! The log-in to etcd: a password is shown once, for a token that is shown with each call.

use serde::Deserialize;
use serde_json::json;

use super::members::{Members, read};
use crate::lock::backends::connection::Connect;
use crate::lock::backends::user::User;
use crate::lock::contract::Failure;
use crate::secret::Secret;

/// Logs in at whichever member answers. A token ends with its time, or with the member that has it in memory only; then
/// the next call logs in again.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) members: Members,
    pub(super) user: User,
}

#[derive(Deserialize)]
struct Authenticated {
    token: String,
}

impl Connect for Login {
    type Connected = Secret;

    async fn connect(&self) -> Result<Secret, Failure> {
        let body = json!({ "name": self.user.name, "password": self.user.password.expose() });
        let answer = self.members.ask(None, "/v3/auth/authenticate", &body, None).await;
        let refused = |failure| match failure {
            Failure::Refused(reason) => Failure::Refused(format!("the log-in is refused: {reason}")),
            other => other,
        };
        let answer: Authenticated = answer.and_then(|answer| read(&answer)).map_err(refused)?;
        Ok(Secret::new(answer.token))
    }
}
