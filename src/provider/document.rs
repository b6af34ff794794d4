//! `docs/providers.md`, written from the definitions so that it cannot say anything else.

use std::fmt::{Error, Write as _};

use super::Providers;
use super::definition::{Definition, FactsTable, FamilyTable, NotedTable, RuleTable, Texts};
use super::facts::{BY_BUYER, by_buyer};
use crate::order::{Basis, Kind};

impl Providers {
    /// What is verified and read for every provider, as Markdown.
    #[must_use]
    pub fn document(&self) -> String {
        let mut page = String::from(
            "# Providers\n\nWritten from `providers/*.toml`; a test compares the two. `docs/add-a-provider.md` shows how to add one, and `docs/stripe.md`\nsets up the most common one at length. In each section: how to get from nothing to the first live event (YOUR-HOST is where\nthe public listener is reached, SOURCE the source's name in the settings), how the order's id gets in, what is verified,\nand under **Know** what cannot be known.\n",
        );
        page.push_str("\n| provider | verified | facts | retries |\n|---|---|---|---|\n");
        // Writing to a String does not fail.
        for (name, definition) in &self.definitions {
            let docs = &definition.docs;
            let facts = kinds(definition);
            let _ = writeln!(page, "| `{name}` | {} | {facts} | {} |", docs.verified, docs.retries);
        }
        for (name, definition) in &self.definitions {
            let _ = section(&mut page, name, definition);
        }
        page
    }
}

/// The kinds of fact that a provider's events state, in the order of docs/lifecycle.md.
fn kinds(definition: &Definition) -> String {
    let rules = || definition.facts.families.iter().flat_map(|family| &family.rules);
    let stated =
        Kind::ALL.iter().filter(|kind| rules().any(|rule| rule.kind.is_some_and(|own| own.0 == **kind)));
    match &definition.facts.only {
        Some(reason) => format!("none: {reason}"),
        None => stated.map(|kind| kind.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn section(page: &mut String, name: &str, definition: &Definition) -> Result<(), Error> {
    let docs = &definition.docs;
    writeln!(page, "\n## {} (`{name}`)\n", definition.title)?;
    if let Some(closed) = &docs.closed {
        writeln!(page, "**Closed.** {closed}\n")?;
    }
    for (number, step) in (1..).zip(&docs.setup) {
        writeln!(page, "{number}. {step}")?;
    }
    if !docs.order_id.is_empty() {
        writeln!(page, "\n- **The order's id:** {}", docs.order_id)?;
    }
    writeln!(page, "- **Verified:** {}", docs.verified)?;
    match &definition.signature.time {
        Some(time) => {
            let ahead = if time.ahead { ", in either direction" } else { "" };
            writeln!(
                page,
                "- **Age limit:** {} s{ahead}; `tolerance_s` changes it, 0 switches it off.",
                time.max_age_s
            )?;
        }
        None => writeln!(page, "- **Age limit:** none; a replay is recognized by the event's id.")?,
    }
    for (name, param) in &definition.params {
        let values =
            if param.values.is_empty() { String::new() } else { format!(" ({})", param.values.join(" or ")) };
        let default = param
            .default
            .as_ref()
            .map_or_else(|| ", required".to_owned(), |value| format!(", `{value}` if not set"));
        writeln!(page, "- **Setting** `params.{name}`{values}{default}: {}.", param.about)?;
    }
    writeln!(page, "- **Retries:** {}", docs.retries)?;
    writeln!(page, "- **Subscribe to:** {}.", code(docs.subscribe.iter().map(String::as_str)))?;
    orders(page, &definition.facts)?;
    for gap in &docs.gaps {
        writeln!(page, "- **Know:** {gap}")?;
    }
    for NotedTable { types, reason, page: source, read } in &definition.facts.noted {
        writeln!(page, "- **Noted:** {} ({reason}; {source}, read {read}).", selectors(types))?;
    }
    if let Some(reason) = &definition.facts.only {
        writeln!(page, "- **Facts:** none; every event is noted: {reason}.")?;
    }
    let facts = || {
        definition
            .facts
            .families
            .iter()
            .flat_map(|family| family.rules.iter().map(move |rule| (family, rule)))
    };
    if facts().any(|(_, rule)| rule.kind.is_some()) {
        writeln!(page, "\n| type | when | fact | amount |\n|---|---|---|---|")?;
        for (family, rule) in facts() {
            row(page, family, rule)?;
        }
    }
    Ok(())
}

/// Where the order's id and the account are, and which of it the buyer can set.
fn orders(page: &mut String, facts: &FactsTable) -> Result<(), Error> {
    if !facts.order.0.is_empty() {
        let order = facts.order.0.iter().map(|text| text.trim_start_matches(BY_BUYER));
        writeln!(page, "- **Order, best first:** {}.", code(order))?;
    }
    let by_buyer = by_buyer(facts);
    if !by_buyer.is_empty() {
        let fields = code(by_buyer.into_iter());
        writeln!(page, "- **The buyer can set:** {fields}; `customer_claims = \"ignore\"` leaves them out.")?;
    }
    if !facts.account.0.is_empty() {
        let account = selectors(&facts.account);
        writeln!(page, "- **Account:** {account}; `accounts` names those that are taken.")?;
    }
    Ok(())
}

fn row(page: &mut String, family: &FamilyTable, rule: &RuleTable) -> Result<(), Error> {
    let Some(kind) = &rule.kind else { return Ok(()) };
    let types = if rule.types.0.is_empty() { &family.types } else { &rule.types };
    let amount = if rule.amount.0.is_empty() { &family.amount } else { &rule.amount };
    let when: Vec<String> = rule
        .when
        .iter()
        .map(|(selector, wanted)| match wanted.0.as_slice() {
            [word] if word == "*" => format!("`{selector}` is there"),
            words => format!("`{selector}` = {}", words.join(" or ")),
        })
        .collect();
    let basis = match rule.basis.0 {
        Basis::Own => String::new(),
        basis => format!(" ({basis})"),
    };
    writeln!(
        page,
        "| {} | {} | {}{basis} | {} |",
        selectors(types),
        when.join(", "),
        kind.0,
        selectors(amount)
    )
}

fn selectors(texts: &Texts) -> String {
    code(texts.0.iter().map(String::as_str))
}

fn code<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.map(|text| format!("`{text}`")).collect::<Vec<_>>().join(", ")
}
