//! The one table of what each route asks of its user's role. A route that it does not name is read by viewers and changed by
//! operators alone, so a new one cannot be left open by mistake.

use axum::http::Method;

/// As whom somebody is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Sees and does everything.
    Operator,
    /// Sees; bodies only if the settings say so.
    Viewer,
    /// An application that asks which orders changed, and for nothing else.
    Application,
}

/// What a route asks of who uses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Nothing: it tells nothing that is stored.
    Open,
    /// To see.
    See,
    /// To see what customers' data is in.
    SeeBodies,
    /// To see which orders changed.
    SeeAnnouncements,
    /// To change something.
    Act,
}

/// Routes that ask for something else than their method does.
const TABLE: &[(&str, Access)] = &[
    ("/login", Access::Open),
    ("/logout", Access::Open),
    ("/assets/{file}", Access::Open),
    ("/docs", Access::Open),
    ("/docs/viewer.js", Access::Open),
    ("/docs/viewer.css", Access::Open),
    ("/openapi.json", Access::Open),
    ("/api/v1/events/{source}/{id}/raw", Access::SeeBodies),
    ("/api/v1/events/{source}/{id}/conflicts/{sha256}/raw", Access::SeeBodies),
    ("/api/v1/announcements", Access::SeeAnnouncements),
    ("/api/v1/announcements/stream", Access::SeeAnnouncements),
];

/// What the route of this path asks for.
pub(super) fn access(method: &Method, path: &str) -> Access {
    let named = TABLE.iter().find(|(route, _)| leads_to(route, path)).map(|(_, access)| *access);
    let by_method = if method.is_safe() { Access::See } else { Access::Act };
    named.unwrap_or(by_method)
}

/// As the router has it: `{..}` stands for one part of a path.
fn leads_to(route: &str, path: &str) -> bool {
    let (mut own, mut asked) = (route.split('/'), path.split('/'));
    loop {
        match (own.next(), asked.next()) {
            (None, None) => return true,
            (Some(own), Some(asked)) if own == asked || own.starts_with('{') => {}
            _ => return false,
        }
    }
}

impl Role {
    /// Whether it is enough for a route.
    pub(super) fn may(self, access: Access, viewers_see_bodies: bool) -> bool {
        match (self, access) {
            (_, Access::Open) | (Self::Operator, _) => true,
            (Self::Viewer, Access::See | Access::SeeAnnouncements) => true,
            (Self::Viewer, Access::SeeBodies) => viewers_see_bodies,
            (Self::Application, Access::SeeAnnouncements) => true,
            (Self::Viewer, Access::Act) => false,
            (Self::Application, Access::See | Access::SeeBodies | Access::Act) => false,
        }
    }

    /// The word for it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Viewer => "viewer",
            Self::Application => "application",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Access, Method, Role, access};

    #[test]
    fn a_route_that_nobody_listed_is_seen_by_viewers_and_changed_by_operators() {
        let (see, act) = (access(&Method::GET, "/new"), access(&Method::POST, "/new"));
        assert_eq!((see, act), (Access::See, Access::Act));
        assert_eq!(access(&Method::HEAD, "/new"), Access::See);
        assert!(Role::Viewer.may(see, false) && !Role::Viewer.may(act, true));
        assert!(Role::Operator.may(see, false) && Role::Operator.may(act, false));
        assert!(!Role::Application.may(see, true) && !Role::Application.may(act, true));
    }

    #[test]
    fn bodies_are_seen_by_viewers_only_if_the_settings_say_so() {
        let bodies = access(&Method::GET, "/api/v1/events/stripe/evt%2F1/raw");
        assert!(!Role::Viewer.may(bodies, false) && Role::Viewer.may(bodies, true));
        assert!(Role::Operator.may(bodies, false) && !Role::Application.may(bodies, true));
    }
}
