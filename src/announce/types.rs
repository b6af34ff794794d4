//! The types of announcements that an endpoint wants: `order.paid`, all of `order.*`, or `*`.

use crate::order::{Settlement, Status};

/// Whole types, such as `order.paid`, or the beginning of some, such as `order.*` or `*`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types(Vec<String>);

/// All of them.
impl Default for Types {
    fn default() -> Self {
        Self(vec!["*".to_owned()])
    }
}

impl Types {
    /// # Errors
    /// The first text that no type fits.
    pub fn new(patterns: &[String]) -> Result<Self, String> {
        let orders = Status::ALL.iter().map(|status| status.as_str()).chain(["gone"]);
        let settlements = Settlement::ALL.iter().map(|settlement| settlement.as_str());
        let known: Vec<String> = (orders.map(|word| format!("order.{word}")))
            .chain(settlements.map(|word| format!("settlement.{word}")))
            .collect();
        match patterns.iter().find(|pattern| !known.iter().any(|known| fits(pattern, known))) {
            Some(unknown) => Err(unknown.clone()),
            None => Ok(Self(patterns.to_vec())),
        }
    }

    /// Whether it wants this type.
    #[must_use]
    pub fn want(&self, type_name: &str) -> bool {
        self.0.iter().any(|pattern| fits(pattern, type_name))
    }
}

fn fits(pattern: &str, type_name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) if beginning.is_empty() || beginning.ends_with('.') => {
            type_name.starts_with(beginning)
        }
        _ => pattern == type_name,
    }
}

#[cfg(test)]
mod tests {
    use super::Types;

    fn types(patterns: &[&str]) -> Result<Types, String> {
        Types::new(&patterns.iter().map(|pattern| (*pattern).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn an_endpoint_is_told_what_it_names_or_begins() {
        for (patterns, wanted, unwanted) in [
            (&["*"][..], &["order.paid", "order.gone"][..], &[][..]),
            (&["order.*"], &["order.paid", "order.gone"], &["settlement.underpaid"]),
            (&["settlement.*"], &["settlement.settled", "settlement.overpaid"], &["order.paid"]),
            (&["order.paid", "order.gone"], &["order.paid", "order.gone"], &["order.refunded"]),
        ] {
            let types = types(patterns).unwrap();
            assert!(wanted.iter().all(|name| types.want(name)), "{patterns:?}");
            assert!(!unwanted.iter().any(|name| types.want(name)), "{patterns:?}");
        }
    }

    #[test]
    fn a_type_that_does_not_exist_is_refused() {
        for pattern in ["order.payed", "order", "ord*", "paid", "", "settlement.paid", "settlement"] {
            assert_eq!(types(&["order.paid", pattern]), Err(pattern.to_owned()));
        }
    }
}
