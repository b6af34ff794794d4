//! A value that is never shown.

use std::fmt;

/// A signing secret, password or token. `Debug` and `Display` do not exist or do not tell; [`Secret::expose`] is the one way in.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps `value` from being shown.
    #[must_use]
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, for the one place that computes with it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Fewer characters can be found by trying; every provider's own secrets are longer.
const CHARS_MIN: usize = 16;
/// Texts that stand for a secret where somebody has to put one, or that everybody tries first.
const PLACEHOLDERS: [&str; 20] = [
    "changeme",
    "change_me",
    "change-me",
    "placeholder",
    "your_",
    "your-",
    "yoursecret",
    "_here",
    "-here",
    "replace_",
    "replaceme",
    "insert_",
    "example",
    "<",
    "${",
    "{{",
    "mysecret",
    "my_secret",
    "password",
    "only-for-this-machine",
];
/// Of the vendors' documentation and libraries: everybody has them.
const PUBLISHED: [&str; 5] = [
    // https://github.com/standard-webhooks/standard-webhooks and https://docs.svix.com/receiving/verifying-payloads/how-manual
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "plJ3nmyCDGBKInavdOK15jsl",
    // https://docs.adyen.com/development-resources/webhooks/verify-hmac-signatures
    "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056",
    // https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    "It's a Secret to Everybody",
    // https://docs.stripe.com/webhooks, in its examples
    "test_secret",
];

impl Secret {
    /// Why it is no secret at all but a text around one or in its stead, if so. `prefix` is what every secret of its kind
    /// begins with.
    #[must_use]
    pub(crate) fn misuse(&self, prefix: &str) -> Option<String> {
        let text = self.0.trim();
        let is_quoted = |quote: char| text.len() > 1 && text.starts_with(quote) && text.ends_with(quote);
        if ['"', '\'', '`'].into_iter().any(is_quoted) {
            return Some("has quotes around it: leave them out".to_owned());
        }
        let own = text.strip_prefix(prefix).unwrap_or(text);
        if own.is_empty() {
            return Some(format!("is `{prefix}` alone: copy it whole"));
        }
        let is_dots = own.chars().all(|c| matches!(c, '.' | '…'));
        is_dots.then(|| "is the dots that stand for a secret: copy it from the provider's page".to_owned())
    }

    /// Why a stranger could guess it, if so. `prefix` is what every secret of its kind begins with.
    #[must_use]
    pub(crate) fn weakness(&self, prefix: &str) -> Option<String> {
        let text = self.0.strip_prefix(prefix).unwrap_or(&self.0);
        let lower = text.to_ascii_lowercase();
        let first = text.chars().next();
        if PUBLISHED.iter().any(|published| published.eq_ignore_ascii_case(text)) {
            Some("is the example of a documentation, which everybody has".to_owned())
        } else if PLACEHOLDERS.iter().any(|placeholder| lower.contains(placeholder)) {
            Some("looks like a text that stands for a secret".to_owned())
        } else if text.chars().count() < CHARS_MIN {
            Some(format!("has fewer than {CHARS_MIN} characters: it can be found by trying"))
        } else if text.chars().all(|c| Some(c) == first) {
            Some("is one character again and again: it can be guessed".to_owned())
        } else {
            None
        }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::Secret;

    #[test]
    fn what_can_never_be_a_secret_is_told_apart_from_what_is_only_weak() {
        for (text, said) in [
            ("", Some("is `whsec_` alone")),
            ("whsec_", Some("is `whsec_` alone")),
            ("whsec_...", Some("the dots that stand for a secret")),
            ("...", Some("the dots that stand for a secret")),
            ("\"whsec_canary0123456789\"", Some("has quotes around it")),
            ("'whsec_canary0123456789'", Some("has quotes around it")),
            ("canary", None),
            ("whsec_canary'0123456789", None),
        ] {
            let misuse = Secret::new(text.to_owned()).misuse("whsec_");
            assert_eq!(misuse.is_some(), said.is_some(), "{text}: {misuse:?}");
            assert!(said.is_none_or(|said| misuse.unwrap().contains(said)), "{text}");
        }
    }

    #[test]
    fn a_secret_that_can_be_guessed_is_weak() {
        for (text, said) in [
            ("x", "fewer than 16 characters"),
            ("whsec_canary", "fewer than 16 characters"),
            ("changeme", "stands for a secret"),
            ("whsec_canary_your_signing_secret", "stands for a secret"),
            ("<canary-signing-secret>", "stands for a secret"),
            ("0000000000000000000000000000000000000000", "again and again"),
            (concat!("whs", "ec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "which everybody has"),
            ("44782def547aaa06c910c43932b1eb0c71fc68d9d0c057550c48ec2acf6ba056", "which everybody has"),
        ] {
            let weakness = Secret::new(text.to_owned()).weakness("whsec_").unwrap();
            assert!(weakness.contains(said), "{text}: {weakness}");
        }
        assert_eq!(Secret::new("whsec_canary_0123456789abcdef").weakness("whsec_"), None);
    }

    #[test]
    fn debug_does_not_show_the_value() {
        let secret = Secret::new("whsec_canary");
        assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "[secret] Some([secret])");
    }
}
