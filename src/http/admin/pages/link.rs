//! Links to pages, from the base of all pages: what others chose is encoded and is never a whole address.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What may stand in a part of a path as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// A part of a path.
pub(super) fn part(text: &str) -> String {
    utf8_percent_encode(text, ENCODED).to_string()
}

pub(super) fn order(source: &str, id: &str) -> String {
    format!("orders/{}/{}", part(source), part(id))
}

pub(super) fn event(source: &str, id: &str) -> String {
    format!("events/{}/{}", part(source), part(id))
}

pub(super) fn source(name: &str) -> String {
    format!("sources/{}", part(name))
}

/// A page with a query; what has no value is left out.
pub(super) fn query(page: &str, fields: &[(&str, Option<&str>)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in fields {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { page.to_owned() } else { format!("{page}?{query}") }
}

#[cfg(test)]
mod tests {
    use super::{event, query};

    #[test]
    fn what_others_chose_stays_within_its_part_of_a_link() {
        let hostile = "javascript:alert(1)//\"><script>?#%2e";
        let link = event("a/b", hostile);
        assert!(
            link.starts_with("events/a%2Fb/javascript%3Aalert%281%29%2F%2F%22%3E%3Cscript%3E%3F%23%252e"),
            "{link}"
        );
        assert_eq!(query("events", &[("type", Some("a&b=c")), ("order", None)]), "events?type=a%26b%3Dc");
        assert_eq!(query("events", &[("order", None)]), "events");
    }
}
