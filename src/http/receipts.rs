//! The body of a webhook's 200: its receipts as JSON. Providers that want another body name it in their definition.

use serde::Serialize;

use crate::order::Receipt;

/// The body of a 200.
#[derive(Serialize)]
pub(super) struct Receipts<'a> {
    receipts: Vec<ReceiptBody<'a>>,
}

impl<'a> Receipts<'a> {
    /// In their order.
    pub(super) fn of(receipts: &'a [Receipt]) -> Self {
        Self { receipts: receipts.iter().map(ReceiptBody::from).collect() }
    }
}

#[derive(Serialize)]
struct ReceiptBody<'a> {
    event: &'a str,
    order: Option<&'a str>,
    outcome: &'static str,
    reason: Option<&'a str>,
}

impl<'a> From<&'a Receipt> for ReceiptBody<'a> {
    fn from(receipt: &'a Receipt) -> Self {
        Self {
            event: receipt.event.as_str(),
            order: receipt.order.as_ref().map(|order| order.as_str()),
            outcome: receipt.outcome.as_str(),
            reason: receipt.reason.as_deref(),
        }
    }
}
