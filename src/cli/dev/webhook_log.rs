//! What `paylatch dev` shows of each webhook: what came, what was answered, and what became of the order.

use std::collections::HashMap;
use std::fmt;

use jiff::Timestamp;

use crate::cli::listing::amount;
use crate::cli::output::{Output, Tone, printable};
use crate::http::{ObservedAnswer, ObservedReceipt, Refusal, Seen, Watch};
use crate::order::{Outcome, Receipt};
use crate::store::{OrderFilter, OrderRow, Store};

/// Prints a pair of lines for each event of what is seen. Returns when nothing more can be seen.
pub(super) async fn show(output: Output, store: &Store, mut watch: Watch) {
    let mut statuses = HashMap::new();
    while let Some(seen) = watch.next().await {
        match seen {
            Seen::Answer(answer) => show_answer(output, store, &answer, &mut statuses).await,
            Seen::Missed(count) => output.note(format_args!("{count} webhooks came too fast to be shown")),
        }
    }
}

async fn show_answer(
    output: Output,
    store: &Store,
    ObservedAnswer { source, answer, took, .. }: &ObservedAnswer,
    statuses: &mut HashMap<String, String>,
) {
    let took = format!("{:.1} ms", took.as_secs_f64() * 1_000.0);
    match answer {
        Ok(receipts) => {
            for ObservedReceipt { receipt, type_name } in receipts {
                let (came, event) = (printable(type_name), printable(receipt.event.as_str()));
                tell(output, "-->", format_args!("{came}  {event}  {source}"));
                let became = what_became(store, source, receipt, statuses).await;
                tell(output, "<--", format_args!("200 {}  {became}  {took}", receipt.outcome));
            }
        }
        Err(Refusal { status, reason, detail }) => {
            tell(output, "-->", format_args!("a webhook  {source}"));
            let refused = output.tone(Tone::Bad, format_args!("{status} {reason}"));
            tell(output, "<--", format_args!("{refused}  {}  {took}", printable(detail)));
        }
    }
}

fn tell(output: Output, arrow: &str, text: fmt::Arguments<'_>) {
    let time = Timestamp::now().to_zoned(jiff::tz::TimeZone::system()).strftime("%H:%M:%S");
    output.line(format_args!("{time}  {}  {text}", output.tone(Tone::Strong, arrow)));
}

/// What the event did to its order, or why it did nothing.
async fn what_became(
    store: &Store,
    source: &str,
    receipt: &Receipt,
    statuses: &mut HashMap<String, String>,
) -> String {
    let reason =
        receipt.reason.as_deref().map(|reason| format!(" ({})", printable(reason))).unwrap_or_default();
    let Some(order) = &receipt.order else { return format!("no order{reason}") };
    if receipt.outcome != Outcome::Applied {
        return format!("order {} stays as it is{reason}", printable(order.as_str()));
    }
    let filter = OrderFilter {
        id: Some(order.to_string()),
        source: Some(source.to_owned()),
        limit: 1,
        ..OrderFilter::default()
    };
    let Some(row) = store.orders(&filter).await.ok().and_then(|mut list| list.rows.pop()) else {
        return format!("order {}{reason}", printable(order.as_str()));
    };
    let before = statuses.insert(format!("{source}/{order}"), row.status.clone());
    let status = match before {
        Some(before) if before != row.status => format!("{before} -> {}", row.status),
        Some(_) | None => row.status.clone(),
    };
    format!("order {} {status}{}{reason}", printable(order.as_str()), money(&row))
}

/// `, captured 20.00 USD, refunded 5.00 USD`
fn money(order: &OrderRow) -> String {
    let sums = [
        ("authorized", order.authorized),
        ("captured", order.captured),
        ("refunded", order.refunded),
        ("disputed", order.disputed),
    ];
    let currency = order.currency.as_deref();
    sums.into_iter()
        .filter(|(_, sum)| *sum != 0)
        .map(|(what, sum)| format!(", {what} {} {}", amount(sum, currency), currency.unwrap_or_default()))
        .collect()
}
