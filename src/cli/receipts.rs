//! Receipts as a table, for every command that sends webhooks and shows what became of each.

use super::output::{printable, table};
use super::sender::Sent;

/// A line for each event that was answered, and for each webhook that was not accepted.
pub(super) fn receipts(sent: &[Sent]) -> String {
    let row = |sent: &Sent, event: &str, order: &str, outcome: &str, reason: &str| {
        [&sent.fixture, event, order, outcome, reason].map(printable).to_vec()
    };
    let rows = sent.iter().flat_map(|sent| match &sent.answer {
        Ok(answer) if sent.is_accepted() => answer
            .receipts
            .iter()
            .map(|receipt| {
                let (order, reason) = (receipt.order.as_deref(), receipt.reason.as_deref());
                row(sent, &receipt.event, order.unwrap_or("-"), &receipt.outcome, reason.unwrap_or_default())
            })
            .collect(),
        Ok(_) | Err(_) => vec![row(sent, "-", "-", "not accepted", &sent.why())],
    });
    table(&["webhook", "event", "order", "outcome", "reason"], rows)
}
