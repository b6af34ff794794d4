//! What a verified webhook says, in our words, by a definition's `[facts]` table.

mod amount;
mod claims;
mod family;
mod kept;
mod reading;
mod scope;
mod types;

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::HeaderName;
use sha2::{Digest, Sha256};

pub(super) use self::amount::exponents;
use self::claims::Named;
pub(super) use self::claims::{BY_BUYER, by_buyer};
use self::family::Family;
use self::reading::reading;
use self::scope::Scope;
pub(super) use self::types::Types;
use super::definition::{Definition, Texts, Unit};
use super::fields::{Each, Fields, Missing, Scalar, Selector, Selectors, Unfold, View, to_json};
use super::{Mistake, SourceSettings, Webhook, at};
use crate::order::{About, Event, Evidence, Id, Key, Statement, UNMAPPED_STATUS, UNMAPPED_TYPE, UnixMicros};

/// The longest reason of a dead event, which may quote what a sender wrote.
const REASON_CHARS_MAX: usize = 300;

/// How a source's events are read, compiled.
#[derive(Debug, Clone)]
pub(super) struct FactReader {
    source: Id,
    /// What `events.read_by` says of what it has read.
    read_by: i16,
    selectors: Selectors,
    headers: Vec<HeaderName>,
    each: Option<Each>,
    xml: Option<Selector>,
    inside: Unfold,
    id: Vec<Vec<Selector>>,
    type_name: Vec<Vec<Selector>>,
    time: Vec<(Selector, Unit)>,
    scope: Scope,
    only: Option<String>,
    families: Vec<Family>,
    /// Types without money, and why: the source's own first.
    noted: Vec<(Types, String)>,
}

impl FactReader {
    /// Compiles a definition's facts for a source. `signed_headers` are kept with the events beside those that facts are read from.
    ///
    /// # Errors
    /// The key and what was expected.
    pub(super) fn new(
        definition: &Definition,
        source: &SourceSettings,
        signed_headers: &[HeaderName],
    ) -> Result<Self, Mistake> {
        let facts = &definition.facts;
        if facts.only.is_some() != facts.families.is_empty() {
            let problem = "expected either `only` or at least one [[facts.family]]";
            return Err(("facts".to_owned(), problem.to_owned()));
        }
        let mut selectors = Selectors::default();
        let each = facts.each.as_ref().map(|pointer| Each::new(pointer, &mut selectors.envelope)).transpose();
        let each = at("facts.each", each)?;
        let xml = facts.xml.as_ref().map(|selector| selectors.compile(selector, source)).transpose();
        let xml = at("facts.xml", xml)?;
        let inside = at("facts.inside", Unfold::new(&facts.inside))?;
        let id = at("facts.id", joined(&facts.id, &mut selectors, source))?;
        let type_name = at("facts.type", joined(&facts.type_name, &mut selectors, source))?;
        let time =
            facts.time.iter().map(|time| Ok((selectors.compile(&time.from, source)?, time.unit))).collect();
        let time = at("facts.time", time)?;
        let scope = Scope::new(definition, source, &mut selectors)?;
        // Wrong pointers of the source's own are told by its setting's name.
        at("order", selectors.all(&Texts(source.order.clone()), source))?;
        let families = (1..)
            .zip(&facts.families)
            .map(|(position, family)| {
                let key = format!("facts.family {position} ({})", family.types.0.join(", "));
                at(&key, Family::new(family, facts, &mut selectors, source))
            })
            .collect::<Result<_, _>>()?;
        let noted = noted(definition, source)?;
        let mut headers = selectors.headers.clone();
        headers.extend(signed_headers.iter().filter(|name| !selectors.headers.contains(name)).cloned());
        Ok(Self {
            source: source.name.clone(),
            read_by: reading(definition, source),
            selectors,
            headers,
            each,
            xml,
            inside,
            id,
            type_name,
            time,
            scope,
            only: facts.only.clone(),
            families,
            noted,
        })
    }

    /// The events of a verified webhook.
    pub(super) fn events(
        &self,
        webhook: &Webhook<'_>,
        body_sha256: [u8; 32],
        received_at: UnixMicros,
    ) -> Vec<Event> {
        let envelope = self.selectors.envelope.read_if_asked(webhook.body);
        let items = envelope.as_ref().map_err(Clone::clone).and_then(|envelope| match &self.each {
            None => Ok(Items::Whole),
            Some(each) => each.items(envelope).map(Items::Parts),
        });
        let envelope = envelope.unwrap_or_default();
        let headers = self.kept_headers(webhook, &envelope);
        let evidence = |body: Bytes, body_sha256| Evidence {
            body,
            body_sha256,
            headers: headers.clone(),
            received_at,
            read_by: Some(self.read_by),
        };
        match items {
            Err(reason) => vec![self.dead(None, reason, evidence(webhook.body.clone(), body_sha256))],
            Ok(Items::Whole) => {
                vec![self.item(webhook, &envelope, evidence(webhook.body.clone(), body_sha256))]
            }
            Ok(Items::Parts(parts)) => parts
                .into_iter()
                .map(|part| webhook.body.slice_ref(part.as_bytes()))
                .map(|part| {
                    self.item(webhook, &envelope, evidence(part.clone(), Sha256::digest(&part).into()))
                })
                .collect(),
        }
    }

    /// One event, from the evidence's body.
    fn item(&self, webhook: &Webhook<'_>, envelope: &Fields<'_>, evidence: Evidence) -> Event {
        let body = evidence.body.clone();
        let json = self.json_of(webhook, &body).and_then(|json| self.inside.unfold(json));
        match json.as_ref().map_err(Clone::clone).and_then(|json| self.selectors.item.read_if_asked(json)) {
            Err(reason) => self.dead(None, reason, evidence),
            Ok(item) => {
                let view = View { webhook, item, envelope: envelope.clone(), parts: Vec::new() };
                self.event(&view, evidence)
            }
        }
    }

    /// The JSON of an event: its bytes, or what its XML comes to.
    fn json_of<'a>(&self, webhook: &Webhook<'_>, body: &'a Bytes) -> Result<Cow<'a, [u8]>, String> {
        let Some(selector) = &self.xml else { return Ok(Cow::Borrowed(body)) };
        let view = View { webhook, item: Fields::default(), envelope: Fields::default(), parts: Vec::new() };
        let Scalar::Text(text) = view.scalar(selector) else { return Err("payload is missing".to_owned()) };
        let compact: String = text.split_ascii_whitespace().collect();
        let bytes = STANDARD.decode(compact).map_err(|_| "payload is not base64")?;
        let xml = String::from_utf8(bytes).map_err(|_| "payload is not UTF-8")?;
        to_json(&xml).map(|json| Cow::Owned(json.into_bytes()))
    }

    fn event(&self, view: &View<'_>, evidence: Evidence) -> Event {
        let id = match read_id("id", &self.id, ":", view) {
            Ok(id) => id,
            Err(reason) => return self.dead(None, reason, evidence),
        };
        let type_name = match read_id("type", &self.type_name, ".", view) {
            Ok(type_name) => type_name,
            Err(reason) => return self.dead(Some(id), reason, evidence),
        };
        let time = |(selector, unit): &(Selector, Unit)| match view.scalar(selector) {
            _ if *unit == Unit::Received => Some(evidence.received_at),
            Scalar::Text(text) => unit.read(&text),
            Scalar::Absent | Scalar::Unreadable => None,
        };
        let Some(occurred_at) = self.time.iter().find_map(time) else {
            return self.dead(Some(id), "time is missing or unreadable".to_owned(), evidence);
        };
        let key = Key { id, source: self.source.clone() };
        let account = self.scope.account(view);
        let (payment, statement, named) = match self.scope.excludes(view, account.as_ref()) {
            Some(reason) => (None, Statement::Noted(reason), Named::Nothing),
            None => self.statement(view, type_name.as_str()),
        };
        let (claim, remark) = match named {
            Named::Nothing => (None, None),
            Named::Order(claim) => (Some(claim), None),
            Named::Unusable(why) => (None, Some(why)),
        };
        let about = About { payment, account };
        let said = (type_name.as_str().to_owned(), occurred_at);
        let event = Event::new(key, said, about, statement, claim, evidence);
        match remark {
            Some(remark) => event.remarked(remark),
            None => event,
        }
    }

    /// The payment that the event is about, what it says of it, and which order it names for it.
    fn statement(&self, view: &View<'_>, type_name: &str) -> (Option<Id>, Statement, Named) {
        if let Some(reason) = &self.only {
            return (None, Statement::Noted(reason.clone()), Named::Nothing);
        }
        let Some(family) = self.families.iter().find(|family| family.reads(type_name)) else {
            return (None, self.without_a_rule(type_name, false), Named::Nothing);
        };
        let payment = family.payment(view);
        let statement = family.statement(view, type_name, &payment);
        let statement = statement.unwrap_or_else(|| self.without_a_rule(type_name, family.knows(type_name)));
        (payment.ok(), statement, family.order(view))
    }

    /// Whether somebody decided what events of this type mean, whatever their status is.
    #[cfg(test)]
    pub(super) fn decides(&self, type_name: &str) -> bool {
        let family = self.families.iter().find(|family| family.reads(type_name));
        family.is_some_and(|family| family.decides(type_name))
            || self.noted.iter().any(|(types, _)| types.include(type_name))
    }

    /// Why an event states nothing that no rule fits.
    fn without_a_rule(&self, type_name: &str, is_known: bool) -> Statement {
        let noted = self.noted.iter().find(|(types, _)| types.include(type_name));
        Statement::Noted(match noted {
            Some((_, reason)) => reason.clone(),
            None if is_known => UNMAPPED_STATUS.to_owned(),
            None => UNMAPPED_TYPE.to_owned(),
        })
    }

    /// What could not be read may be quoted in the reason: no database's text holds a NUL.
    fn dead(&self, id: Option<Id>, reason: String, evidence: Evidence) -> Event {
        let reason = reason.chars().take(REASON_CHARS_MAX).collect::<String>();
        let reason = reason.replace(char::is_control, "\u{fffd}");
        Event::dead(self.source.clone(), id, reason, evidence)
    }
}

/// The bytes of a webhook's events.
enum Items<'a> {
    /// The body is one event.
    Whole,
    /// Each is a part of it.
    Parts(Vec<&'a str>),
}

/// The types that state no money, with why: those that the source ignores, then the definition's.
fn noted(definition: &Definition, source: &SourceSettings) -> Result<Vec<(Types, String)>, Mistake> {
    let ignored = (Types::listed(&source.ignore_types), "listed in `ignore_types`".to_owned());
    let tables = definition.facts.noted.iter();
    let noted = tables
        .map(|table| Ok((Types::new(&table.types, source)?, table.reason.clone())))
        .collect::<Result<Vec<_>, String>>();
    Ok(std::iter::once(ignored).chain(at("facts.noted", noted)?).collect())
}

fn joined(
    texts: &Texts,
    selectors: &mut Selectors,
    source: &SourceSettings,
) -> Result<Vec<Vec<Selector>>, String> {
    if texts.0.is_empty() {
        return Err("expected a selector or a list of selectors to join".to_owned());
    }
    texts.0.iter().map(|any| selectors.any_of(any, source)).collect()
}

/// The id that some selectors make together. One that is absent stands for nothing, but not all may be.
fn read_id(name: &str, selectors: &[Vec<Selector>], separator: &str, view: &View<'_>) -> Result<Id, String> {
    if let [any] = selectors {
        let text = view.first(any).map_err(|missing| format!("{name} {missing}"))?;
        return Id::new(&text).map_err(|error| format!("{name} {error}"));
    }
    let mut texts = Vec::with_capacity(selectors.len());
    for any in selectors {
        match view.first(any) {
            Ok(text) => texts.push(text),
            Err(Missing::Absent) => texts.push(Cow::Borrowed("")),
            Err(Missing::Unreadable) => return Err(format!("{name} is unreadable")),
        }
    }
    if texts.iter().all(|text| text.is_empty()) {
        return Err(format!("{name} is missing"));
    }
    Id::new(&texts.join(separator)).map_err(|error| format!("{name} {error}"))
}
