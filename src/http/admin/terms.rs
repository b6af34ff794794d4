//! Reads and checks the JSON of an expectation.

use jiff::Timestamp;
use serde::Deserialize;
use utoipa::ToSchema;

use super::request_body::whole;
use crate::order::{Currency, Expectation, Id, Terms, UnixMicros};

/// What an order should cost.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTerms {
    /// Minor units of the currency; 0 for a free order.
    #[schema(minimum = 0)]
    #[serde(deserialize_with = "whole")]
    amount: i64,
    /// ISO 4217 code.
    #[schema(pattern = "^[A-Za-z]{3,4}$")]
    currency: String,
    /// The merchant's own count of changes to the order: the highest counts.
    #[schema(minimum = 0, default = 1)]
    #[serde(default = "first", deserialize_with = "whole")]
    revision: i64,
    /// Minor units that may be missing.
    #[schema(minimum = 0, default = 0)]
    #[serde(default, deserialize_with = "whole")]
    tolerance_under: i64,
    /// Minor units that may be too much, such as a tip.
    #[schema(minimum = 0, default = 0)]
    #[serde(default, deserialize_with = "whole")]
    tolerance_over: i64,
    /// Unpaid after this moment, a person should look at it.
    #[schema(format = DateTime)]
    due_at: Option<String>,
    /// The merchant canceled the order: nothing is due any more.
    #[serde(default)]
    closed: bool,
}

/// What one of many orders should cost.
#[derive(Debug, Deserialize, ToSchema)]
pub struct NewExpectation {
    /// The ledger.
    ledger: String,
    /// The merchant's id of the order.
    order: String,
    #[serde(flatten)]
    terms: NewTerms,
}

fn first() -> i64 {
    1
}

impl NewTerms {
    /// What is expected of this order, or what is wrong with it.
    pub(super) fn expected_of(self, order: Id, ledger: Id) -> Result<Expectation, String> {
        let numbers = [
            ("amount", self.amount),
            ("revision", self.revision),
            ("tolerance_under", self.tolerance_under),
            ("tolerance_over", self.tolerance_over),
        ];
        if let Some((name, _)) = numbers.iter().find(|(_, number)| *number < 0) {
            return Err(format!("{name}: expected 0 or more"));
        }
        let currency =
            Currency::new(&self.currency).ok_or("currency: expected an ISO 4217 code, such as USD")?;
        let terms = Terms {
            amount: self.amount,
            currency,
            tolerance_under: self.tolerance_under,
            tolerance_over: self.tolerance_over,
            due_at: self.due_at.as_deref().map(moment).transpose()?,
            closed: self.closed,
        };
        Ok(Expectation { order, ledger, revision: self.revision, terms })
    }
}

impl NewExpectation {
    /// Reads a line of JSON.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn read(line: &[u8]) -> Result<Expectation, String> {
        let Self { ledger, order, terms } =
            serde_json::from_slice(line).map_err(|error| error.to_string())?;
        let id = |name, text: &str| Id::new(text).map_err(|bad| format!("{name} {bad}"));
        terms.expected_of(id("order", &order)?, id("ledger", &ledger)?)
    }
}

fn moment(text: &str) -> Result<UnixMicros, String> {
    let at = text.parse::<Timestamp>().ok().and_then(|at| UnixMicros::new(at.as_microsecond()));
    at.ok_or_else(|| {
        "due_at: expected a moment as RFC 3339 writes it, such as 2027-01-31T12:00:00Z".to_owned()
    })
}
