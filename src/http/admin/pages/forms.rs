//! The HTML of the forms that change something. Each asks for a note, which is stored with who did it.

use maud::{Markup, html};

use super::link;

/// The longest note, in characters.
const NOTE_CHARS_MAX: u32 = 4000;

/// Settles what needs a person about the order or event of `page`.
pub(super) fn acknowledge(page: &str) -> Markup {
    settle(page, &[], "Acknowledge")
}

/// Settles whatever failed as the event of `page` did.
pub(super) fn acknowledge_cause(page: &str, outcome: &str, label: &str) -> Markup {
    html! { details class="act" { summary { (label) } (settle(page, &[("cause", Some(outcome))], "Acknowledge")) } }
}

/// Settles what the provider's record and ours disagree in about a movement of money.
pub(super) fn acknowledge_finding(source: &str, reference: &str) -> Markup {
    let page = format!("findings/{}/{}", link::part(source), link::part(reference));
    html! { details class="act" { summary { "Acknowledge" } (settle(&page, &[], "Acknowledge")) } }
}

fn settle(page: &str, fields: &[(&str, Option<&str>)], label: &str) -> Markup {
    html! {
        form class="act" method="post" action={ (page) "/acknowledge" } {
            (hidden(fields))
            (note("How it was settled"))
            button { (label) }
        }
    }
}

/// Says which order a payment belongs to.
pub(super) fn assign(source: &str, payment: &str) -> Markup {
    html! {
        details class="act" { summary { "Assign to an order" }
            form class="act" method="post" action={ "payments/" (link::part(source)) "/" (link::part(payment)) "/assign" } {
                label { "Order" input name="order" required maxlength="255" autocomplete="off"; }
                (note("Why"))
                button { "Assign" }
            }
        }
    }
}

/// Shows what reading events again would change.
pub(super) fn rehearse(fields: &[(&str, Option<&str>)], what: &str) -> Markup {
    html! {
        form class="act" method="post" action="reprocess" {
            (hidden(fields))
            button { "Read " (what) " again: show what would change" }
        }
    }
}

/// Reads events again.
pub(super) fn reprocess(fields: &[(&str, Option<&str>)]) -> Markup {
    html! {
        form class="act" method="post" action="reprocess" {
            (hidden(fields))
            input type="hidden" name="now" value="true";
            (note("Why"))
            button { "Do it" }
        }
    }
}

/// Does something about an endpoint.
pub(super) fn of_endpoint(name: &str, verb: &str, label: &str) -> Markup {
    html! {
        details class="act" { summary { (label) }
            form class="act" method="post" action={ "endpoints/" (link::part(name)) "/" (verb) } {
                (note("Why"))
                button { (label) }
            }
        }
    }
}

fn hidden(fields: &[(&str, Option<&str>)]) -> Markup {
    html! { @for (name, value) in fields { @if let Some(value) = value { input type="hidden" name=(name) value=(value); } } }
}

fn note(label: &str) -> Markup {
    html! { label { (label) input name="note" required maxlength=(NOTE_CHARS_MAX) autocomplete="off"; } }
}
