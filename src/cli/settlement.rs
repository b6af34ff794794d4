//! Settlements as tables: what is expected of orders, and what came of it.

use super::listing::amount;
use super::output::{printable, table};
use crate::store::{AnomalyRow, OrderSettlement, SettlementRow};

const HEADER: [&str; 8] = ["order", "ledger", "settlement", "expected", "held", "due", "currency", "anomaly"];

/// What is expected of one order, and what came of it; what nobody stated is not shown.
pub(super) fn settlement_table(settlement: &OrderSettlement) -> String {
    let OrderSettlement { order, ledger, expected, held, due, anomalies, .. } = settlement;
    let Some(expected) = expected else {
        return format!("nothing is expected of it in ledger {}", printable(ledger));
    };
    let word = settlement.settlement.clone().unwrap_or_default();
    let amounts = [expected.amount, held.unwrap_or_default(), due.unwrap_or_default()];
    table(&HEADER, [cells([order, ledger, &word], amounts, &expected.currency, anomalies)])
}

/// A line for each settlement.
pub(super) fn settlements_table(rows: &[SettlementRow]) -> String {
    let lines = rows.iter().map(|row| {
        let amounts = [row.expected, row.held, row.due];
        cells([&row.order_id, &row.ledger, &row.settlement], amounts, &row.currency, &row.anomalies)
    });
    table(&HEADER, lines)
}

fn cells(names: [&str; 3], amounts: [i64; 3], currency: &str, anomalies: &[AnomalyRow]) -> Vec<String> {
    let names = names.map(printable);
    let amounts = amounts.map(|minor| amount(minor, Some(currency)));
    let anomalies: Vec<&str> = anomalies.iter().map(|found| found.anomaly.as_str()).collect();
    names.into_iter().chain(amounts).chain([printable(currency), anomalies.join(", ")]).collect()
}
