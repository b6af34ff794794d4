//! The definitions that come with the program.

/// Name and text of every file in `providers/`.
pub(super) const DEFINITIONS: &[(&str, &str)] = &[("stripe", include_str!("../../providers/stripe.toml"))];
