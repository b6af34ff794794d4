//! The user and password in the URL of a lock service.

use percent_encoding::percent_decode_str;

use crate::secret::Secret;

/// As whom a service is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct User {
    pub(super) name: String,
    pub(super) password: Secret,
}

impl User {
    /// Parts `[user:password@]host..`, where both may have `%XX` in them. `None` when they do not read.
    pub(super) fn split(authority: &str) -> Option<(Option<Self>, &str)> {
        let Some((user, host)) = authority.rsplit_once('@') else { return Some((None, authority)) };
        let (name, password) = user.split_once(':')?;
        let decoded = |text| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        let (name, password) = (decoded(name)?, decoded(password)?);
        let is_whole = !name.is_empty() && !password.is_empty();
        is_whole.then(|| (Some(Self { name, password: Secret::new(password) }), host))
    }

    /// The one user whom all URLs name; no user where none does.
    pub(super) fn of_all(users: Vec<Option<Self>>) -> Result<Option<Self>, String> {
        let mut users = users.into_iter();
        let first = users.next().flatten();
        if users.all(|user| user == first) {
            return Ok(first);
        }
        Err("lock.urls: expected the same user and password in each".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::User;

    #[test]
    fn user_and_password_are_parted_from_the_host_and_decoded() {
        let (user, host) = User::split("pay%40latch:a:canary%2F%25@[::1]:2379").expect("it reads");
        let user = user.expect("a user");
        assert_eq!(
            (user.name.as_str(), user.password.expose(), host),
            ("pay@latch", "a:canary/%", "[::1]:2379")
        );
        assert_eq!(User::split("host"), Some((None, "host")));
        for wrong in ["user@host", ":canary@host", "user:@host", "user:%ff@host"] {
            assert_eq!(User::split(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn all_urls_name_the_same_user_or_none() {
        let user = |text| User::split(text).expect("it reads").0;
        let both = vec![user("a:canary@one"), user("a:canary@two")];
        assert!(User::of_all(both).is_ok_and(|user| user.is_some_and(|user| user.name == "a")));
        assert_eq!(User::of_all(vec![None, None]), Ok(None));
        for wrong in [vec![user("a:canary@one"), None], vec![user("a:canary@one"), user("b:canary@two")]] {
            assert!(User::of_all(wrong).is_err());
        }
    }
}
