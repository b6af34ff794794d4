//! The forms that change something. Each asks for a note: it is kept with who did it.

use maud::{Markup, html};

use super::link;

/// The longest note, in characters.
const NOTE_CHARS_MAX: u32 = 4000;

/// Settles what needs a person about the order or event of `page`.
pub(super) fn acknowledge(page: &str) -> Markup {
    html! {
        form class="act" method="post" action={ (page) "/acknowledge" } {
            (note("How it was settled"))
            button { "Acknowledge" }
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
