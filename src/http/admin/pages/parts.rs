//! Fragments of HTML that many pages share.

use maud::{Markup, html};
use serde_json::Value;

use super::link;
use crate::order::{Currency, display_amount};
use crate::printable::printable;
use crate::store::{EventRow, LOOKED_AT_MAX, List, OrderRow, PlacedEvent};

/// What others chose, with what would make it read otherwise escaped.
pub(super) fn text(text: &str) -> String {
    printable(text)
}

/// Minor units as people write them, with their currency.
pub(super) fn money(minor: i64, currency: Option<&str>) -> String {
    match currency.and_then(Currency::new) {
        Some(currency) => format!("{} {currency}", display_amount(minor, currency)),
        None => minor.to_string(),
    }
}

/// A moment that a row has, in UTC; scripts add how long ago it was, and the local time on hover.
pub(super) fn time(rfc3339: &str) -> Markup {
    let seconds = rfc3339.get(..19).unwrap_or(rfc3339).replace('T', " ");
    html! { time datetime=(rfc3339) title={ (rfc3339) " (UTC)" } { (seconds) } }
}

/// A word of ours in its colour.
pub(super) fn word(word: &str) -> Markup {
    let tone = match word {
        "paid" | "applied" | "settled" | "ready" | "known" | "assigned" | "heard" | "told" => "good",
        "parked" | "dead" | "conflict" | "disputed" | "charged_back" | "away" | "unfit" | "silent"
        | "refused" | "underpaid" | "overpaid" | "failed" | "not answering" => "bad",
        "authorized" | "pending" | "partially_refunded" | "refunded" | "provisional" | "unavailable"
        | "unpaid" | "being tried" | "paused" => "warn",
        _ => "plain",
    };
    html! { span class={ "word " (tone) } { (word.replace('_', " ")) } }
}

/// The order's id, which leads to its page.
pub(super) fn order(source: &str, id: &str) -> Markup {
    html! { a class="id" href=(link::order(source, id)) { (text(id)) } }
}

/// The event's id, which leads to its page.
pub(super) fn event(source: &str, id: &str) -> Markup {
    html! { a class="id" href=(link::event(source, id)) { (text(id)) } }
}

/// The source's name, which leads to its page.
pub(super) fn source(name: &str) -> Markup {
    html! { a href=(link::source(name)) { (text(name)) } }
}

/// A list of orders.
pub(super) fn orders(rows: &[OrderRow]) -> Markup {
    html! {
        table class="rows" {
            thead { tr { th { "order" } th { "source" } th { "status" } th class="number" { "captured" } th class="number" { "refunded" }
                th class="number" { "disputed" } th { "anomaly" } th { "changed" } } }
            tbody { @for row in rows { tr {
                td data-label="order" { (order(&row.source, &row.order_id)) }
                td data-label="source" { (source(&row.source)) }
                td data-label="status" { (word(&row.status)) }
                td data-label="captured" class="number" { (money(row.captured, row.currency.as_deref())) }
                td data-label="refunded" class="number" { (money_unless_none(row.refunded, row.currency.as_deref())) }
                td data-label="disputed" class="number" { (money_unless_none(row.disputed, row.currency.as_deref())) }
                td data-label="anomaly" { @match &row.anomaly { Some(anomaly) => { span class="word bad" { (anomaly.replace('_', " ")) } } None => "–" } }
                td data-label="changed" { (time(&row.updated_at)) }
            } } }
        }
    }
}

/// A list of events.
pub(super) fn events(rows: &[PlacedEvent]) -> Markup {
    html! {
        table class="rows" {
            thead { tr { th { "arrived" } th { "source" } th { "event" } th { "says" } th { "decided" } th { "order" } } }
            tbody { @for PlacedEvent { event: own, order_id } in rows { tr {
                td data-label="arrived" { (time(&own.received_at)) }
                td data-label="source" { (source(&own.source)) }
                td data-label="event" { (text(&own.type_name)) br; (event(&own.source, &own.event_id)) }
                td data-label="says" { (says(own)) }
                td data-label="decided" { (decided(own)) }
                td data-label="order" { @match order_id { Some(id) => (order(&own.source, id)), None => "–" } }
            } } }
        }
    }
}

/// Where a list goes on, in its parameter `behind`; and that not all of it was looked at, if that is why it ends here.
pub(super) fn more<T>(list: &List<T>, page: &str, fields: &[(&str, Option<&str>)], behind: &str) -> Markup {
    html! { @if let Some(after) = &list.after {
        @let fields: Vec<_> = fields.iter().copied().chain([(behind, Some(after.as_str()))]).collect();
        p class="more" {
            @if list.is_cut { "Looked as far as " code { (text(after)) } ", at " (LOOKED_AT_MAX) " rows: " }
            a href=(link::query(page, &fields)) { @if list.is_cut { "look on" } @else { "More" } }
        }
    } }
}

/// What an event says of money.
pub(super) fn says(event: &EventRow) -> Markup {
    html! { @match &event.kind {
        Some(kind) => { (kind.replace('_', " ")) " " @if let Some(minor) = event.amount { b class="number" { (money(minor, event.currency.as_deref())) } } }
        None => "–",
    } }
}

/// What was decided about an event, and why.
pub(super) fn decided(event: &EventRow) -> Markup {
    html! {
        (word(&event.outcome))
        @if event.conflicts > 0 { " " (word("conflict")) }
        @if let Some(reason) = &event.reason { " " span class="reason" { (text(reason)) } }
        @if event.duplicates > 0 { " " span class="hint" { "+" (count(event.duplicates, "duplicate")) } }
    }
}

/// An amount; a dash for nothing, so that what is there stands out.
pub(super) fn money_unless_none(minor: i64, currency: Option<&str>) -> String {
    if minor == 0 { "–".to_owned() } else { money(minor, currency) }
}

/// The sums that say why an anomaly is one: as money where all are of the order's currency.
pub(super) fn detail(detail: &Value, currency: Option<&str>) -> Markup {
    let sums = detail.as_object().filter(|sums| currency.is_some() && sums.values().all(Value::is_i64));
    let shown = |(name, sum): (&String, &Value)| {
        format!("{} {}", name.replace('_', " "), money(sum.as_i64().unwrap_or_default(), currency))
    };
    html! {
        @match sums {
            Some(sums) => { span class="detail" { (text(&sums.iter().map(shown).collect::<Vec<_>>().join(", "))) } }
            None => { code class="detail" { (text(&detail.to_string())) } " " span class="hint" { "in minor units" } }
        }
    }
}

/// `1 order`, `2 orders`.
pub(super) fn count(number: impl TryInto<u64>, one: &str) -> String {
    let number = number.try_into().unwrap_or_default();
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// A length of time in its two largest units.
pub(super) fn duration(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{} s", seconds.max(0)),
        (0, 0, _) => format!("{minutes} min"),
        (0, ..) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

/// A text as SQL writes it, to be copied.
pub(super) fn sql_text(text: &str) -> String {
    format!("'{}'", printable(text).replace('\'', "''"))
}

/// An argument as a shell takes it, to be copied.
pub(super) fn shell_text(text: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_.:/".contains(character);
    match !text.is_empty() && !text.starts_with('-') && text.chars().all(is_plain) {
        true => text.to_owned(),
        false => format!("'{}'", printable(text).replace('\'', r"'\''")),
    }
}

/// A field of a filter that is one of some words.
pub(super) fn choice<'a>(
    (name, label): (&str, &str),
    chosen: Option<&str>,
    words: impl IntoIterator<Item = &'a str>,
) -> Markup {
    html! {
        label { (label)
            select name=(name) {
                option value="" { "any" }
                @for word in words { option value=(word) selected[chosen == Some(word)] { (word.replace('_', " ")) } }
            }
        }
    }
}

/// A field of a filter that is any text.
pub(super) fn field((name, label): (&str, &str), value: Option<&str>) -> Markup {
    html! { label { (label) input name=(name) value=[value] maxlength="255" autocomplete="off"; } }
}

/// What was chosen of a field.
pub(super) fn given(field: &Option<String>) -> Option<&str> {
    field.as_deref().map(str::trim).filter(|value| !value.is_empty())
}
