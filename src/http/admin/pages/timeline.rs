//! The events of an order, one after the other, with what the order came to after each.

use maud::{Markup, html};

use super::{link, parts};
use crate::order::{Entry, Id, Key, Member, Order};
use crate::store::EventRow;

/// A longer history is shown from its end, and without what came after each: every row would be another fold.
const FOLDED_MAX: usize = 300;

/// By which clock events are put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sequence {
    /// The provider's: as they happened.
    Happened,
    /// Ours: as they arrived.
    Arrived,
}

impl Sequence {
    pub(super) fn of(word: Option<&str>) -> Self {
        if word == Some("arrived") { Self::Arrived } else { Self::Happened }
    }
}

/// `events`: as they arrived.
pub(super) fn table(order: &Key, events: &[EventRow], sequence: Sequence) -> Markup {
    let mut sorted: Vec<&EventRow> = events.iter().collect();
    if sequence == Sequence::Happened {
        sorted.sort_by(|one, other| {
            (&one.occurred_at, &one.event_id).cmp(&(&other.occurred_at, &other.event_id))
        });
    }
    let is_whole = sorted.len() <= FOLDED_MAX;
    let shown = sorted.split_off(sorted.len().saturating_sub(FOLDED_MAX));
    let after = if is_whole { states_after(&shown) } else { vec![None; shown.len()] };
    html! {
        h2 { "What happened" }
        p class="hint" {
            @if !is_whole { "The last " (shown.len()) " of " (events.len()) " events. " }
            "In the order in which it "
            (toggle(order, "happened", sequence == Sequence::Happened)) " · " (toggle(order, "arrived", sequence == Sequence::Arrived))
        }
        table class="rows timeline" {
            thead { tr { th { "happened" } th { "arrived" } th { "event" } th { "says" } th { "decided" } th { "order after it" } } }
            tbody { @for (event, after) in shown.iter().zip(after) { tr {
                td data-label="happened" { (parts::time(&event.occurred_at)) }
                td data-label="arrived" { (parts::time(&event.received_at)) }
                td data-label="event" { (parts::text(&event.type_name)) br; (parts::event(&event.source, &event.event_id)) }
                td data-label="says" { (parts::says(event)) }
                td data-label="decided" { (parts::decided(event)) }
                td data-label="order after it" { @match after { Some(after) => (state(&after)), None => "–" } }
            } } }
        }
    }
}

fn toggle(order: &Key, word: &str, is_chosen: bool) -> Markup {
    let page = link::order(order.source.as_str(), order.id.as_str());
    html! { @if is_chosen { b { (word) } } @else { a href=(link::query(&page, &[("by", Some(word))])) { (word) } } }
}

/// The order's row as it would be if nothing had come after each event: the fold of what is told up to there.
fn states_after(events: &[&EventRow]) -> Vec<Option<Order>> {
    let mut told: Vec<(Id, Vec<Entry>)> = Vec::new();
    let mut states = Vec::with_capacity(events.len());
    for event in events {
        let payment = event.payment_id.as_deref().and_then(|payment| Id::new(payment).ok());
        if let Some((payment, entry)) = payment.zip(event.entry()) {
            match told.iter_mut().find(|(own, _)| *own == payment) {
                Some((_, entries)) => entries.push(entry),
                None => told.push((payment, vec![entry])),
            }
        }
        let members: Vec<Member<'_>> =
            told.iter().map(|(payment, entries)| Member { payment, entries }).collect();
        states.push(Order::fold(&members));
    }
    states
}

fn state(order: &Order) -> Markup {
    let currency = order.currency.map(|currency| currency.to_string());
    let money = |minor| parts::money(minor, currency.as_deref());
    html! {
        (parts::word(order.status.as_str()))
        @for (name, sum) in [("captured", order.captured), ("refunded", order.refunded), ("disputed", order.disputed)] {
            @if sum != 0 { " " span class="sum" { (name) " " (money(sum)) } }
        }
    }
}
