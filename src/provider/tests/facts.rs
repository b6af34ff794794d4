//! Fixtures and what is read from them. The expected tables in `tests/facts/` were reviewed line by line.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::*;
use crate::order::{Basis, Entry, Key, Link, Member, Order, Statement};

pub(super) fn fixtures_of(provider: &str) -> Vec<(String, String)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(provider);
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        (name, std::fs::read_to_string(path).unwrap())
    };
    files.into_iter().map(read).collect()
}

/// The events of all of a provider's fixtures.
pub(super) fn all_events(source: &Source) -> Vec<Event> {
    all_events_at(source, UnixMicros(NOW * 1_000_000))
}

/// The same of webhooks that arrived at one moment.
pub(super) fn all_events_at(source: &Source, received_at: UnixMicros) -> Vec<Event> {
    let fixtures = fixtures_of(source.name().as_str());
    fixtures.iter().flat_map(|(_, body)| events_at(source, body, received_at)).collect()
}

/// The orders of the reviewed table.
pub(super) fn reviewed_orders(provider: &str) -> Vec<String> {
    let table = std::fs::read_to_string(table_path(provider)).unwrap();
    table.lines().filter_map(|line| line.strip_prefix("= ")).map(str::to_owned).collect()
}

fn table_path(provider: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/facts").join(format!("{provider}.txt"))
}

/// One line per event.
fn line(file: &str, event: &Event) -> String {
    let payment = event.payment().map_or("-", Id::as_str);
    let says = match event.statement() {
        Statement::Fact(fact) => {
            let basis = match fact.basis {
                Basis::Own => String::new(),
                basis => format!(" ({basis})"),
            };
            format!("{fact}{basis} by {}", fact.reference)
        }
        Statement::Noted(reason) => format!("noted: {reason}"),
        Statement::Parked(reason) => format!("parked: {reason}"),
        Statement::Dead(reason) => format!("dead: {reason}"),
    };
    let claim =
        event.claim().map_or_else(|| "-".to_owned(), |claim| format!("{} ({})", claim.order, claim.rank));
    format!("{file} | {} | {} | {payment} | {says} | {claim}", event.key().id, event.type_name())
}

/// The orders that a set of events ends in.
pub(super) fn orders_of(events: &[Event]) -> BTreeMap<String, Order> {
    let mut payments: BTreeMap<Key, BTreeMap<&Id, Entry>> = BTreeMap::new();
    for event in events {
        if let (Some(payment), Some(entry)) = (event.payment_key(), Entry::of(event)) {
            payments.entry(payment).or_default().insert(&event.key().id, entry);
        }
    }
    let payments: BTreeMap<Key, Vec<Entry>> =
        payments.into_iter().map(|(payment, entries)| (payment, entries.into_values().collect())).collect();
    let mut orders: BTreeMap<String, Vec<Member<'_>>> = BTreeMap::new();
    for (payment, entries) in &payments {
        let link = Link::learned(&payment.id, entries);
        orders.entry(link.order.to_string()).or_default().push(Member { payment: &payment.id, entries });
    }
    orders.into_iter().map(|(order, members)| (order, Order::fold(&members).unwrap())).collect()
}

fn order_line(name: &str, order: &Order) -> String {
    let currency = order.currency.map_or_else(|| "-".to_owned(), |currency| currency.to_string());
    let anomaly = order.anomaly().map_or_else(String::new, |anomaly| format!(" ! {anomaly}"));
    format!(
        "{name}: {} {currency} authorized {} captured {} refunded {} disputed {}{anomaly}",
        order.status, order.authorized, order.captured, order.refunded, order.disputed
    )
}

/// What is read from a provider's fixtures, a line per event, and the orders that they end in.
fn table_of(provider: &str) -> String {
    let source = source(settings(provider));
    let mut table = String::new();
    let mut all = Vec::new();
    for (file, body) in fixtures_of(provider) {
        for event in events_of(&source, &body) {
            writeln!(table, "{}", line(&file, &event)).unwrap();
            all.push(event);
        }
    }
    for (name, order) in orders_of(&all) {
        writeln!(table, "= {}", order_line(&name, &order)).unwrap();
    }
    table
}

#[test]
fn every_provider_s_fixtures_say_what_the_reviewed_tables_say() {
    let mut different = String::new();
    for provider in providers().names() {
        let path = table_path(provider);
        let table = table_of(provider);
        if std::fs::read_to_string(&path).unwrap_or_default() != table {
            write!(different, "{} differs; this was read:\n{table}\n", path.display()).unwrap();
        }
    }
    assert!(different.is_empty(), "{different}");
}

#[test]
fn the_page_about_providers_is_what_the_definitions_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/providers.md");
    let page = providers().document();
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(page == written, "{} differs; it should be:\n{page}", path.display());
}
