//! `paylatch expect`: states what an order should cost.

mod file;

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::context::{Context, now_micros};
use super::failure::{Exit, Failure};
use super::settlement::settlement_table;
use crate::config::{Needs, parse_age};
use crate::order::{BadAmount, Currency, Expectation, Id, Ledgers, Stated, Terms, UnixMicros, minor_units};

#[derive(Args)]
pub(super) struct Expect {
    /// The merchant's id of the order.
    #[arg(required_unless_present = "file", requires_all = ["amount", "currency"])]
    order: Option<String>,
    /// What it should cost, as people write it, such as 100.00.
    amount: Option<String>,
    /// ISO 4217 code.
    currency: Option<String>,
    /// The sources that share these order numbers; not needed where there is one ledger.
    #[arg(long, value_name = "NAME")]
    ledger: Option<String>,
    /// The merchant's own count of changes to the order: the highest counts.
    #[arg(long, value_name = "N", default_value_t = 1)]
    revision: u32,
    /// So much may be missing.
    #[arg(long, value_name = "AMOUNT")]
    tolerance_under: Option<String>,
    /// So much may be too much, such as a tip.
    #[arg(long, visible_alias = "tip", value_name = "AMOUNT")]
    tolerance_over: Option<String>,
    /// Unpaid after so long, a person should look at it, such as 2d.
    #[arg(long, value_name = "AGE")]
    due: Option<String>,
    /// The order was canceled: nothing is due any more.
    #[arg(long)]
    close: bool,
    /// States what a file says instead: a line of JSON for each order, as `POST /api/v1/expectations` takes it, or a CSV whose
    /// header names the same fields, or `amount_decimal` such as 100.00 for `amount`; - is stdin.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["order", "ledger", "revision", "tolerance_under", "tolerance_over", "due", "close"])]
    file: Option<PathBuf>,
    /// Print the result as JSON.
    #[arg(long)]
    json: bool,
}

/// States it, and says what came of it; no other terms may stand under the same revision.
pub(super) async fn run(context: &Context, expect: &Expect) -> Result<bool, Failure> {
    let settings = context.settings_or_dev(Needs { database: true, sources: true })?;
    let store = context.reached_store(&settings).await?;
    let ledgers = settings.ledgers();
    if let Some(file) = &expect.file {
        return file::state(context.output, expect.json, &store, &ledgers, file).await;
    }
    let expectation = expectation(expect, &ledgers)?;
    let stated = store.state(std::slice::from_ref(&expectation)).await?;
    if stated == [Stated::Conflict] {
        let next = expectation.revision.saturating_add(1);
        let problem = format!(
            "revision {} of order {} stands with other terms",
            expectation.revision, expectation.order
        );
        return Err(Failure::new(Exit::Failed, "expectation_conflict", problem)
            .hint(format_args!("a change of the order is a revision of its own: --revision {next}")));
    }
    let now = now_micros();
    let settlement = store.settlement(&expectation.order, &expectation.ledger, &ledgers, now).await?;
    let outcome = stated.first().map_or("stated", |stated| stated.as_str());
    match (expect.json, settlement) {
        (true, settlement) => context.output.json(&json!({ "outcome": outcome, "settlement": settlement })),
        (false, Some(settlement)) => {
            context.output.line(format_args!("{outcome}\n\n{}", settlement_table(&settlement)));
        }
        (false, None) => context.output.line(outcome),
    }
    Ok(true)
}

fn expectation(expect: &Expect, ledgers: &Ledgers) -> Result<Expectation, Failure> {
    let text = |value: &Option<String>| value.clone().unwrap_or_default();
    let order = Id::new(&text(&expect.order)).map_err(|error| usage(format!("ORDER {error}")))?;
    let code = text(&expect.currency);
    let currency = Currency::new(&code)
        .ok_or_else(|| usage(format!("CURRENCY: expected an ISO 4217 code, such as USD, not {code:?}")))?;
    let amount = |name: &str, text: &str| {
        minor_units(text, currency.exponent())
            .map_err(|error: BadAmount| usage(format!("{name} {error}; expected an amount such as 100.00")))
    };
    let tolerance = |name, text: &Option<String>| text.as_deref().map_or(Ok(0), |text| amount(name, text));
    let due_at = expect.due.as_deref().map(due_at).transpose()?;
    let terms = Terms {
        amount: amount("AMOUNT", &text(&expect.amount))?,
        currency,
        tolerance_under: tolerance("--tolerance-under", &expect.tolerance_under)?,
        tolerance_over: tolerance("--tolerance-over", &expect.tolerance_over)?,
        due_at,
        closed: expect.close,
    };
    let ledger = the_ledger(expect.ledger.as_deref(), ledgers)?;
    Ok(Expectation { order, ledger, revision: expect.revision.into(), terms })
}

fn due_at(age: &str) -> Result<UnixMicros, Failure> {
    let age = parse_age(age).map_err(|expected| usage(format!("--due: {expected}")))?;
    let micros = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    let at = UnixMicros::new(now_micros().0.saturating_add(micros));
    at.ok_or_else(|| usage("--due: expected a moment before the year 10000"))
}

/// The ledger that is named, or the only one.
fn the_ledger(named: Option<&str>, ledgers: &Ledgers) -> Result<Id, Failure> {
    let names: Vec<&str> = ledgers.names().map(Id::as_str).collect();
    let found = match named {
        Some(name) => ledgers.names().find(|own| own.as_str() == name),
        None => ledgers.names().next().filter(|_| names.len() == 1),
    };
    found.cloned().ok_or_else(|| {
        let problem = match named {
            Some(name) => format!("no source is in a ledger {name:?}"),
            None => "there are several ledgers".to_owned(),
        };
        Failure::new(Exit::Usage, "unknown_ledger", problem)
            .hint(format_args!("choose one with --ledger: {}", names.join(", ")))
    })
}

fn usage(problem: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, "wrong_flag", problem)
}
