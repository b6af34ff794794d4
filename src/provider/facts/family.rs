//! Events of one shape: where their payment, amount and reference are, and what they say by type and status.

use super::super::SourceSettings;
use super::super::definition::{self, Texts};
use super::super::fields::Scalar;
use super::super::fields::{Condition, Missing, Selector, Selectors, View};
use super::amount::Amounts;
use crate::order::{Basis, Claim, Fact, Id, Kind, Statement};

/// A compiled `[[facts.family]]`.
#[derive(Debug, Clone)]
pub(super) struct Family {
    types: Vec<Pattern>,
    payment: Vec<Selector>,
    order: Vec<(i16, Selector)>,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    types: Vec<Pattern>,
    when: Vec<Condition>,
    says: Says,
}

#[derive(Debug, Clone)]
enum Says {
    Noted(String),
    Parked(String),
    Fact { kind: Kind, reference: Vec<Selector>, amounts: Amounts, basis: Basis },
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
        family: &definition::FamilyTable,
        facts: &definition::FactsTable,
        selectors: &mut Selectors,
        source: &SourceSettings,
    ) -> Result<Self, String> {
        let rules = family
            .rules
            .iter()
            .enumerate()
            .map(|(index, rule)| {
                Rule::new(rule, family, facts, selectors, source)
                    .map_err(|problem| format!("rule {}: {problem}", index + 1))
            })
            .collect::<Result<_, _>>()?;
        let payment = selectors.all(&family.payment, source)?;
        let order = super::ranked_order(&family.order, facts, source, selectors)?;
        Ok(Self { types: Pattern::all(&family.types, source)?, payment, order, rules })
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

    /// The best-ranked field that names an order. An empty field, or one that is no id, names none.
    pub(super) fn claim(&self, view: &View<'_>) -> Option<Claim> {
        self.order.iter().find_map(|(rank, selector)| match view.scalar(selector) {
            Scalar::Text(text) => Id::new(&text).ok().map(|order| Claim { order, rank: *rank }),
            Scalar::Absent | Scalar::Unreadable => None,
        })
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
            Says::Parked(reason) => Statement::Parked(reason.clone()),
            Says::Fact { kind, reference, amounts, basis } => {
                let fact = || {
                    let payment = payment.clone()?;
                    let reference =
                        if reference.is_empty() { payment } else { id_at("reference", reference, view)? };
                    let money = Some(amounts.read(view)?);
                    Ok::<_, String>(Fact { kind: *kind, reference, money, basis: *basis })
                };
                fact().map_or_else(Statement::Parked, Statement::Fact)
            }
        }
    }
}

impl Rule {
    fn new(
        rule: &definition::RuleTable,
        family: &definition::FamilyTable,
        facts: &definition::FactsTable,
        selectors: &mut Selectors,
        source: &SourceSettings,
    ) -> Result<Self, String> {
        let or = |own: &Texts, common: &Texts| if own.0.is_empty() { common.clone() } else { own.clone() };
        let says = match (rule.kind, &rule.noted, &rule.parked) {
            (None, Some(reason), None) => Says::Noted(reason.clone()),
            (None, None, Some(reason)) => Says::Parked(reason.clone()),
            (Some(kind), None, None) => {
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
                    reference: selectors.all(&or(&rule.reference, &family.reference), source)?,
                    amounts: Amounts::new(&amount, &family.currency, facts, selectors, source)?,
                    basis: if rule.cumulative { Basis::Total } else { Basis::Own },
                }
            }
            _ => return Err("expected one of `kind`, `noted` and `parked`".to_owned()),
        };
        let when = selectors.conditions(&rule.when, source)?;
        Ok(Self { types: Pattern::all(&rule.types, source)?, when, says })
    }

    fn fits(&self, view: &View<'_>, type_name: &str) -> bool {
        (self.types.is_empty() || self.types.iter().any(|pattern| pattern.fits(type_name)))
            && self.when.iter().all(|condition| condition.holds(view))
    }
}

impl Pattern {
    fn all(texts: &Texts, source: &SourceSettings) -> Result<Vec<Self>, String> {
        let mut patterns = Vec::new();
        for text in &texts.0 {
            match text.strip_prefix("param:") {
                None => patterns.push(Self::new(text)),
                // An empty list is a pattern that no type fits, since no type is empty.
                Some(name) => {
                    let list = source.params.get(name);
                    let list =
                        list.ok_or_else(|| format!("param `{name}` is not declared under [params]"))?;
                    patterns.extend(list.split(',').map(|text| Self::new(text.trim())));
                }
            }
        }
        Ok(patterns)
    }

    fn new(text: &str) -> Self {
        match text.strip_suffix('*') {
            Some(prefix) => Self { text: prefix.to_owned(), is_prefix: true },
            None => Self { text: text.to_owned(), is_prefix: false },
        }
    }

    fn fits(&self, type_name: &str) -> bool {
        if self.is_prefix { type_name.starts_with(&self.text) } else { type_name == self.text }
    }
}

fn id_at(name: &str, selectors: &[Selector], view: &View<'_>) -> Result<Id, String> {
    let text = view.first(selectors).map_err(|missing: Missing| format!("{name} {missing}"))?;
    Id::new(&text).map_err(|error| format!("{name} {error}"))
}
