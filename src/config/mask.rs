//! Shows URLs without the secrets in them.

/// The URL without what may be secret in it: the password, and every parameter that is named like one.
pub(super) fn mask_url(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return "[secret]".to_owned() };
    let (address, query) =
        rest.split_once('?').map_or((rest, None), |(address, query)| (address, Some(query)));
    let address = match address.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:****@{host}"),
            None => format!("{user}@{host}"),
        },
        None => address.to_owned(),
    };
    let mask = |parameter: &str| match parameter.split_once('=') {
        Some((name, _)) if name.contains("pass") || name.contains("token") => format!("{name}=****"),
        Some(_) | None => parameter.to_owned(),
    };
    let query = query.map(|query| format!("?{}", query.split('&').map(mask).collect::<Vec<_>>().join("&")));
    format!("{scheme}://{address}{}", query.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::mask_url;

    #[test]
    fn passwords_are_masked_wherever_a_url_may_have_them() {
        for (url, shown) in [
            ("postgres://app:c@nary_canary@db:5432/pay", "postgres://app:****@db:5432/pay"),
            (
                "postgres://app@db/pay?sslmode=require&password=x",
                "postgres://app@db/pay?sslmode=require&password=****",
            ),
            ("redis://:canary@127.0.0.1:6379", "redis://:****@127.0.0.1:6379"),
            ("sqlite://paylatch-data/paylatch.db", "sqlite://paylatch-data/paylatch.db"),
            ("host=db password=x", "[secret]"),
        ] {
            assert_eq!(mask_url(url), shown);
        }
    }
}
