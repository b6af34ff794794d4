//! Messages about orders and settlements, and whether they are newer than what is known of them.

use std::collections::HashMap;
use std::fmt;

use serde::Deserialize;

use crate::cli::listing::amount;

/// Orders that are remembered; when there are more, all are forgotten: it is for trying out.
const ORDERS_MAX: usize = 100_000;

/// One announcement, as far as it is shown.
#[derive(Debug, Deserialize)]
pub(super) struct Message {
    r#type: String,
    data: State,
}

/// Of an order or a settlement.
#[derive(Debug, Deserialize)]
struct State {
    #[serde(alias = "ledger")]
    source: String,
    order: String,
    epoch: i64,
    version: i64,
    currency: Option<String>,
    #[serde(default)]
    captured: Option<i64>,
    #[serde(default)]
    refunded: Option<i64>,
    #[serde(default)]
    due: Option<i64>,
}

/// The newest of each, by what it is, source or ledger, and order.
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<(String, String, String), (i64, i64)>);

impl Message {
    /// The messages of a body: one, or a batch of them. None if it is something else.
    pub(super) fn read(body: &[u8]) -> Vec<Self> {
        serde_json::from_slice(body)
            .map(|one| vec![one])
            .or_else(|_| serde_json::from_slice(body))
            .unwrap_or_default()
    }
}

impl Known {
    /// Keeps a message that is newer, and tells whether it is.
    pub(super) fn take(&mut self, message: &Message) -> bool {
        let State { source, order, epoch, version, .. } = &message.data;
        let what = message.r#type.split('.').next().unwrap_or_default().to_owned();
        if self.0.len() >= ORDERS_MAX {
            self.0.clear();
        }
        let newest = self.0.entry((what, source.clone(), order.clone())).or_insert((i64::MIN, i64::MIN));
        let is_newer = (*epoch, *version) > *newest;
        if is_newer {
            *newest = (*epoch, *version);
        }
        is_newer
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let State { source, order, epoch, version, currency, captured, refunded, due } = &self.data;
        write!(f, "{}  {source} {order}  {epoch}-{version}", self.r#type)?;
        for (what, sum) in [("captured", captured), ("refunded", refunded), ("due", due)] {
            if let Some(sum) = sum.filter(|sum| *sum != 0) {
                let currency = currency.as_deref();
                write!(f, "  {what} {} {}", amount(sum, currency), currency.unwrap_or_default())?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{Known, Message};

    fn message(epoch: i64, version: i64) -> Message {
        let json = format!(
            r#"{{"type":"order.paid","timestamp":"2026-11-28T12:00:00Z","data":{{"source":"stripe","order":"o","epoch":{epoch},
                "version":{version},"currency":"USD","captured":2000}}}}"#
        );
        let [message] = <[Message; 1]>::try_from(Message::read(json.as_bytes())).unwrap();
        message
    }

    #[test]
    fn what_is_not_newer_by_epoch_and_version_is_dropped() {
        let mut known = Known::default();
        let news = [(1, 5), (1, 5), (1, 4), (2, 1), (1, 9), (2, 2)];
        let taken = news.map(|(epoch, version)| known.take(&message(epoch, version)));
        assert_eq!(taken, [true, false, false, true, false, true]);
    }

    #[test]
    fn a_message_is_shown_in_a_line_and_what_is_none_is_not_read() {
        assert_eq!(message(1, 7).to_string(), "order.paid  stripe o  1-7  captured 20.00 USD");
        let settlement = r#"{"type":"settlement.underpaid","timestamp":"2026-11-28T12:00:00Z","data":{"ledger":"stripe","order":"o",
            "epoch":1,"version":8,"settlement":"underpaid","currency":"USD","captured":2000,"due":500}}"#;
        let [settlement] = <[Message; 1]>::try_from(Message::read(settlement.as_bytes())).unwrap();
        assert_eq!(
            settlement.to_string(),
            "settlement.underpaid  stripe o  1-8  captured 20.00 USD  due 5.00 USD"
        );
        let mut known = Known::default();
        assert!(
            known.take(&settlement) && known.take(&message(1, 7)),
            "a ledger may be called as a source is"
        );
        assert!(Message::read(b"[1]").is_empty() && Message::read(b"\xff").is_empty());
    }
}
