//! The table `[waiting]`: after how long money that waits needs a person.

use std::time::Duration;

use super::reader::Reader;
use crate::store::WaitingLimits;

/// Refunds to cards take up to ten working days. Authorizations of cards lapse after five to seven days: one day is left to
/// capture them (<https://docs.stripe.com/payments/place-a-hold-on-a-payment-method>). Banks decide disputes within three months
/// (<https://docs.stripe.com/disputes/how-disputes-work>).
pub(super) fn take(reader: &mut Reader) -> WaitingLimits {
    let refund = reader.age("waiting.refund");
    let refund = or_days(reader, "waiting.refund", refund, 14);
    let authorization = reader.age("waiting.authorization");
    let authorization = or_days(reader, "waiting.authorization", authorization, 6);
    let dispute = reader.age("waiting.dispute");
    let dispute = or_days(reader, "waiting.dispute", dispute, 90);
    WaitingLimits { refund, authorization, dispute }
}

fn or_days(reader: &mut Reader, name: &str, given: Option<Duration>, days: u32) -> Duration {
    given.unwrap_or_else(|| {
        reader.default(name, format!("{days}d"));
        Duration::from_hours(24).saturating_mul(days)
    })
}
