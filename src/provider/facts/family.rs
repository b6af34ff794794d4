//! Events of one shape: where their payment, amount and reference are, and what they say by type and status.

use super::super::SourceSettings;
use super::super::definition::{self, Texts};
use super::super::place::{Missing, Place, Places, View};
use super::super::reader::Scalar;
use super::amount::Amounts;
use crate::order::{Fact, Id, Kind, Statement};

/// A compiled `[[facts.family]]`.
#[derive(Debug, Clone)]
pub(super) struct Family {
    types: Vec<Pattern>,
    payment: Vec<Place>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    types: Vec<Pattern>,
    when: Vec<(Place, Vec<String>)>,
    says: Says,
}

#[derive(Debug, Clone)]
enum Says {
    Noted(String),
    Fact { kind: Kind, reference: Vec<Place>, amounts: Amounts, cumulative: bool },
}

/// `charge.succeeded`, or `charge.*`.
#[derive(Debug, Clone)]
struct Pattern {
    text: String,
    is_prefix: bool,
}

impl Family {
    /// # Errors
    /// The rule and what was expected.
    pub(super) fn new(
        family: &definition::Family,
        facts: &definition::Facts,
        places: &mut Places,
        source: &SourceSettings,
    ) -> Result<Self, String> {
        let rules = family
            .rules
            .iter()
            .enumerate()
            .map(|(index, rule)| {
                Rule::new(rule, family, facts, places, source)
                    .map_err(|problem| format!("rule {}: {problem}", index + 1))
            })
            .collect::<Result<_, _>>()?;
        let payment = places.all(&family.payment, source)?;
        Ok(Self { types: Pattern::all(&family.types), payment, rules })
    }

    /// Whether events of this type have this shape.
    pub(super) fn reads(&self, type_name: &str) -> bool {
        self.types.iter().any(|pattern| pattern.fits(type_name))
    }

    /// The payment that the event is about.
    ///
    /// # Errors
    /// Why it is unknown.
    pub(super) fn payment(&self, view: &View<'_>) -> Result<Id, String> {
        id_at("payment", &self.payment, view)
    }

    /// What the event says, by the first rule that fits.
    pub(super) fn statement(
        &self,
        view: &View<'_>,
        type_name: &str,
        payment: &Result<Id, String>,
    ) -> Statement {
        let Some(rule) = self.rules.iter().find(|rule| rule.fits(view, type_name)) else {
            return Statement::Noted("type and status have no money meaning".to_owned());
        };
        match &rule.says {
            Says::Noted(reason) => Statement::Noted(reason.clone()),
            Says::Fact { kind, reference, amounts, cumulative } => {
                let fact = || {
                    let payment = payment.clone()?;
                    let reference =
                        if reference.is_empty() { payment } else { id_at("reference", reference, view)? };
                    let money = amounts.read(view)?;
                    Ok::<_, String>(Fact { kind: *kind, reference, money, cumulative: *cumulative })
                };
                fact().map_or_else(Statement::Parked, Statement::Fact)
            }
        }
    }
}

impl Rule {
    fn new(
        rule: &definition::Rule,
        family: &definition::Family,
        facts: &definition::Facts,
        places: &mut Places,
        source: &SourceSettings,
    ) -> Result<Self, String> {
        let or = |own: &Texts, common: &Texts| if own.0.is_empty() { common.clone() } else { own.clone() };
        let says = match (rule.kind, &rule.noted) {
            (None, Some(reason)) => Says::Noted(reason.clone()),
            (Some(kind), None) => {
                let amount = or(&rule.amount, &family.amount);
                for (name, texts) in
                    [("payment", &family.payment), ("amount", &amount), ("currency", &family.currency)]
                {
                    if texts.0.is_empty() {
                        return Err(format!("a rule with `kind` needs `{name}`, here or in its family"));
                    }
                }
                Says::Fact {
                    kind: kind.0,
                    reference: places.all(&or(&rule.reference, &family.reference), source)?,
                    amounts: Amounts::new(&amount, &family.currency, facts, places, source)?,
                    cumulative: rule.cumulative,
                }
            }
            (None, None) | (Some(_), Some(_)) => return Err("expected either `kind` or `noted`".to_owned()),
        };
        let when = rule
            .when
            .iter()
            .map(|(place, wanted)| Ok((places.place(place, source)?, wanted.0.clone())))
            .collect::<Result<_, String>>()?;
        Ok(Self { types: Pattern::all(&rule.types), when, says })
    }

    fn fits(&self, view: &View<'_>, type_name: &str) -> bool {
        let holds = |(place, wanted): &(Place, Vec<String>)| match view.scalar(place, "") {
            Scalar::Text(text) => {
                wanted.iter().any(|word| *word == text || (word == "*" && !text.is_empty()))
            }
            Scalar::Absent => wanted.iter().any(String::is_empty),
            Scalar::Unreadable => wanted.iter().any(|word| word == "*"),
        };
        (self.types.is_empty() || self.types.iter().any(|pattern| pattern.fits(type_name)))
            && self.when.iter().all(holds)
    }
}

impl Pattern {
    fn all(texts: &Texts) -> Vec<Self> {
        let new = |text: &String| match text.strip_suffix('*') {
            Some(prefix) => Self { text: prefix.to_owned(), is_prefix: true },
            None => Self { text: text.clone(), is_prefix: false },
        };
        texts.0.iter().map(new).collect()
    }

    fn fits(&self, type_name: &str) -> bool {
        if self.is_prefix { type_name.starts_with(&self.text) } else { type_name == self.text }
    }
}

fn id_at(name: &str, places: &[Place], view: &View<'_>) -> Result<Id, String> {
    let text = view.first(places).map_err(|missing: Missing| format!("{name} {missing}"))?;
    Id::new(&text).map_err(|error| format!("{name} {error}"))
}
