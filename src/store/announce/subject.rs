//! What an announcement is about.

use std::fmt;

use serde_json::{Map, Value, json};

use crate::order::{BadId, Id, Key};

/// An order of a source, or what came of what the merchant expects of an order of a ledger.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// The order.
    Order(Key),
    /// Its settlement.
    Settlement {
        /// The merchant's id of the order.
        order: Id,
        /// Its ledger.
        ledger: Id,
    },
}

impl Subject {
    /// Of the order that has a source or a ledger.
    pub(super) fn read(order: &str, source: Option<&str>, ledger: Option<&str>) -> Result<Self, BadId> {
        let order = Id::new(order)?;
        Ok(match ledger {
            Some(ledger) => Self::Settlement { order, ledger: Id::new(ledger)? },
            None => Self::Order(Key { id: order, source: Id::new(source.unwrap_or_default())? }),
        })
    }

    /// The merchant's id of the order.
    #[must_use]
    pub fn order(&self) -> &Id {
        match self {
            Self::Order(key) => &key.id,
            Self::Settlement { order, .. } => order,
        }
    }

    /// What else tells it apart, with the name of that: its source, or its ledger.
    #[must_use]
    pub fn of(&self) -> (&'static str, &Id) {
        match self {
            Self::Order(key) => ("source", &key.source),
            Self::Settlement { ledger, .. } => ("ledger", ledger),
        }
    }

    /// The columns by which what waits is found: of source and ledger one is empty.
    pub(super) fn columns(&self) -> Map<String, Value> {
        let mut columns = Map::new();
        columns.insert("order_id".to_owned(), json!(self.order().as_str()));
        columns.insert("source".to_owned(), json!(""));
        columns.insert("ledger".to_owned(), json!(""));
        let (name, of) = self.of();
        columns.insert(name.to_owned(), json!(of.as_str()));
        columns
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.of().1, self.order())
    }
}
