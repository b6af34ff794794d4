//! Prints what a comparison came to: tables for people, JSON for programs.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::listing::amount;
use super::super::output::{Output, printable, table};
use super::{Found, Outcome, Reconcile};
use crate::order::{Class, Id, ReportFinding};
use crate::provider::Source;
use crate::store::FindingRow;

/// How many findings a table shows.
const SHOWN_MAX: usize = 100;

pub(super) fn outcome(output: Output, asked: &Reconcile, source: &Source, outcome: &Outcome) {
    if asked.json {
        return output.json(&outcome_json(asked, source, outcome));
    }
    for (path, file) in &outcome.files {
        let path = printable(&path.display().to_string());
        if file.was_read {
            output.line(format_args!("{path}: was read before"));
            continue;
        }
        output.line(format_args!(
            "{path}: {} rows, {} of them new, {} changed; {} that move no customer's money{}; {} unreadable",
            file.rows,
            file.new,
            file.changed,
            file.ignored.values().sum::<u64>(),
            in_brackets(&file.ignored),
            file.unreadable
        ));
        if !file.foreign.is_empty() {
            let foreign = file.foreign.values().sum::<u64>();
            output.note(format_args!(
                "{foreign} rows are of accounts that are not among the source's{}",
                in_brackets(&file.foreign)
            ));
        }
        for problem in &file.problems {
            output.note(printable(problem));
        }
    }
    let count = match &outcome.found {
        Found::Kept(rows) => {
            findings(output, false, rows);
            rows.len()
        }
        Found::Preview(found) => {
            let rows = found.iter().map(preview_cells);
            output.line(table(&HEADER, rows.take(SHOWN_MAX)));
            found.len()
        }
    };
    output.line(format_args!("{} payments compared, {count} findings open", outcome.payments));
}

/// ` (Fee 2, MerchantPayout 1)`
fn in_brackets(names: &BTreeMap<String, u64>) -> String {
    if names.is_empty() {
        return String::new();
    }
    let each: Vec<String> = names.iter().map(|(name, rows)| format!("{} {rows}", inert(name))).collect();
    format!(" ({})", each.join(", "))
}

fn outcome_json(asked: &Reconcile, source: &Source, outcome: &Outcome) -> Value {
    let files = outcome.files.iter().map(|(path, file)| {
        json!({
            "file": path.display().to_string(), "was_read": file.was_read, "rows": file.rows, "new": file.new,
            "changed": file.changed, "ignored": file.ignored.values().sum::<u64>(), "ignored_types": file.ignored,
            "foreign": file.foreign, "unreadable": file.unreadable, "problems": file.problems,
        })
    });
    let findings = match &outcome.found {
        Found::Kept(rows) => json!(rows),
        Found::Preview(found) => found.iter().map(|finding| preview_json(source, finding)).collect(),
    };
    json!({
        "source": source.name().as_str(), "report": asked.report, "dry_run": asked.dry_run,
        "files": files.collect::<Value>(), "payments": outcome.payments, "findings": findings,
    })
}

/// Findings as they are kept.
pub(super) fn findings(output: Output, as_json: bool, rows: &[FindingRow]) {
    if as_json {
        return output.json(&rows);
    }
    let cells = rows.iter().take(SHOWN_MAX).map(|row| {
        let settled = match (&row.gone_at, row.acknowledged) {
            (Some(_), _) => " (gone)",
            (None, true) => " (acknowledged)",
            (None, false) => "",
        };
        let finding = format!("{}{settled}", row.finding);
        let amounts = [row.ours, row.theirs];
        let names = [Some(&row.source), Some(&row.reference), row.payment_id.as_ref()];
        line(finding, row.kind.clone(), names, amounts, row.currency.clone(), &row.detail)
    });
    output.line(table(&HEADER, cells));
    if rows.len() > SHOWN_MAX {
        output.line(format_args!("and {} more: --json prints all", rows.len() - SHOWN_MAX));
    }
    if rows.iter().any(|row| row.finding == "missing_here") {
        output.note(
            "missing_here: get the payment's events from the provider and `paylatch import` them; docs/reconcile.md \
             has the commands",
        );
    }
}

/// That something was settled.
pub(super) fn acknowledged(output: Output, as_json: bool, settled: usize) {
    if as_json {
        output.json(&json!({ "acknowledged": settled }));
    } else {
        output.line(format_args!("{settled} findings acknowledged"));
    }
}

const HEADER: [&str; 9] =
    ["finding", "kind", "source", "reference", "payment", "ours", "theirs", "currency", "detail"];

fn preview_cells(finding: &ReportFinding) -> Vec<String> {
    let kind = finding.class.map_or("", Class::as_str).to_owned();
    let payment = finding.payment.as_ref().map(ToString::to_string);
    let reference = finding.reference.to_string();
    let names = [None, Some(&reference), payment.as_ref()];
    let currency = finding.currency.map(|currency| currency.to_string());
    let amounts = [finding.ours, finding.theirs];
    line(finding.disagreement.to_string(), kind, names, amounts, currency, &finding.detail)
}

fn preview_json(source: &Source, finding: &ReportFinding) -> Value {
    json!({
        "source": source.name().as_str(), "finding": finding.disagreement.as_str(),
        "kind": finding.class.map_or("", Class::as_str), "reference": finding.reference.as_str(),
        "payment_id": finding.payment.as_ref().map(Id::as_str), "ours": finding.ours, "theirs": finding.theirs,
        "currency": finding.currency.map(|currency| currency.to_string()), "detail": finding.detail,
    })
}

fn line(
    finding: String,
    kind: String,
    names: [Option<&String>; 3],
    amounts: [Option<i64>; 2],
    currency: Option<String>,
    detail: &Value,
) -> Vec<String> {
    let shown =
        |minor: Option<i64>| minor.map_or_else(|| "-".to_owned(), |minor| amount(minor, currency.as_deref()));
    let [ours, theirs] = amounts.map(shown);
    // Amounts stand in their columns already.
    let has_more =
        detail.as_object().is_some_and(|detail| detail.keys().any(|key| !IN_COLUMNS.contains(&key.as_str())));
    let detail = if has_more || theirs == "-" && ours == "-" { detail.to_string() } else { String::new() };
    let names = names.map(|name| name.map_or_else(|| "-".to_owned(), |name| inert(name)));
    let [source, reference, payment] = names;
    let currency = currency.unwrap_or_else(|| "-".to_owned());
    vec![finding, kind, source, reference, payment, ours, theirs, currency, inert(&detail)]
}

const IN_COLUMNS: [&str; 3] = ["currency", "ours", "theirs"];

/// What a report's cell held, so that neither a terminal nor a spreadsheet that it is pasted into runs it.
fn inert(text: &str) -> String {
    let shown = printable(text);
    if shown.starts_with(['=', '+', '-', '@']) { format!("'{shown}") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::inert;

    #[test]
    fn a_cell_that_a_spreadsheet_would_run_is_escaped() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)"] {
            assert_eq!(inert(formula), format!("'{formula}"));
        }
        assert_eq!(inert("re_1"), "re_1");
        assert_eq!(inert("a\u{1b}[2J"), "a\\u{1b}[2J");
    }
}
