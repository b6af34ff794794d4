//! Events of one shape: where their payment, amount and reference are, and what they say by type and status.

use super::super::SourceSettings;
use super::super::definition::{self, Texts};
use super::super::fields::{Condition, Missing, Selector, Selectors, View};
use super::amount::Amounts;
use super::claims::{Claims, Named};
use super::types::Types;
use crate::order::{Basis, Fact, Id, Kind, Money, REFUND_NOT_DONE, Statement, refund_not_done};

/// A compiled `[[facts.family]]`.
#[derive(Debug, Clone)]
pub(super) struct Family {
    types: Types,
    payment: Vec<Selector>,
    claims: Claims,
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
struct Rule {
    types: Types,
    when: Vec<Condition>,
    says: Says,
}

#[derive(Debug, Clone)]
enum Says {
    Noted(String),
    /// A refund is under way, and where its own reference is.
    RefundNotDone(Vec<Selector>),
    Parked(String),
    Fact(Box<Stated>),
}

/// A fact, but for what the event says of it.
#[derive(Debug, Clone)]
struct Stated {
    kind: Kind,
    reference: Vec<Selector>,
    amounts: Amounts,
    basis: Basis,
    /// The kind of the whole amount where nothing is left of it.
    if_nothing: Option<Kind>,
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
        let claims = Claims::new(&family.order, facts, source, selectors)?;
        Ok(Self { types: Types::new(&family.types, source)?, payment, claims, rules })
    }

    /// Whether events of this type have this shape.
    pub(super) fn reads(&self, type_name: &str) -> bool {
        self.types.include(type_name)
    }

    /// The payment that the event is about.
    ///
    /// # Errors
    /// Why it is unknown.
    pub(super) fn payment(&self, view: &View<'_>) -> Result<Id, String> {
        id_at("payment", &self.payment, view)
    }

    /// The order that the event names.
    pub(super) fn order(&self, view: &View<'_>) -> Named {
        self.claims.read(view)
    }

    /// Whether a rule is for events of this type, whatever their status is.
    pub(super) fn knows(&self, type_name: &str) -> bool {
        self.rules.iter().any(|rule| rule.is_for(type_name))
    }

    /// Whether a rule names the type, or the family does and a rule goes by the status alone.
    #[cfg(test)]
    pub(super) fn decides(&self, type_name: &str) -> bool {
        let takes_all = self.types.include("");
        self.rules.iter().any(|rule| rule.types.include(type_name) || rule.types.is_empty() && !takes_all)
    }

    /// What the event says, by the first rule that fits; nothing where none does.
    pub(super) fn statement(
        &self,
        view: &View<'_>,
        type_name: &str,
        payment: &Result<Id, String>,
    ) -> Option<Statement> {
        let rule = self.rules.iter().find(|rule| rule.fits(view, type_name))?;
        Some(rule.says.statement(view, payment).unwrap_or_else(Statement::Parked))
    }
}

impl Says {
    /// # Errors
    /// What of the fact is missing or unreadable.
    fn statement(&self, view: &View<'_>, payment: &Result<Id, String>) -> Result<Statement, String> {
        match self {
            Self::Noted(reason) => Ok(Statement::Noted(reason.clone())),
            // One that does not name it says only that some refund of its payment is under way.
            Self::RefundNotDone(reference) => Ok(Statement::Noted(
                id_at("reference", reference, view)
                    .map_or_else(|_| REFUND_NOT_DONE.to_owned(), |reference| refund_not_done(&reference)),
            )),
            Self::Parked(reason) => Ok(Statement::Parked(reason.clone())),
            Self::Fact(stated) => stated.statement(view, payment.clone()?),
        }
    }
}

impl Stated {
    fn statement(&self, view: &View<'_>, payment: Id) -> Result<Statement, String> {
        let reference =
            if self.reference.is_empty() { payment } else { id_at("reference", &self.reference, view)? };
        let fact = |kind, money| Statement::Fact(Fact { kind, reference, money, basis: self.basis });
        if matches!(self.kind, Kind::Failed | Kind::Canceled) && self.amounts.are_absent(view) {
            return Ok(fact(self.kind, None));
        }
        Ok(match (self.amounts.read(view)?, self.if_nothing) {
            (Some(Money { amount: 0, .. }), Some(kind)) => fact(kind, Some(self.amounts.whole(view)?)),
            (money @ Some(_), _) => fact(self.kind, money),
            (None, _) => Statement::Noted("only what was never captured was given back".to_owned()),
        })
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
            (None, Some(reason), None) if reason == REFUND_NOT_DONE => {
                Says::RefundNotDone(selectors.all(&or(&rule.reference, &family.reference), source)?)
            }
            (None, Some(reason), None) => Says::Noted(reason.clone()),
            (None, None, Some(reason)) => Says::Parked(reason.clone()),
            (Some(kind), None, None) => {
                let amount = or(&rule.amount, &family.amount);
                let ends = matches!(kind.0, Kind::Failed | Kind::Canceled);
                for (name, texts, is_needed) in [
                    ("payment", &family.payment, true),
                    ("amount", &amount, !ends),
                    ("currency", &family.currency, !ends),
                ] {
                    if is_needed && texts.0.is_empty() {
                        return Err(format!("a rule with `kind` needs `{name}`, here or in its family"));
                    }
                }
                Says::Fact(Box::new(Stated {
                    kind: kind.0,
                    reference: selectors.all(&or(&rule.reference, &family.reference), source)?,
                    amounts: Amounts::new((&amount, &family.currency), rule, facts, selectors, source)?,
                    basis: rule.basis.0,
                    if_nothing: rule.if_nothing.map(|kind| kind.0),
                }))
            }
            _ => return Err("expected one of `kind`, `noted` and `parked`".to_owned()),
        };
        let when = selectors.conditions(&rule.when, source)?;
        Ok(Self { types: Types::new(&rule.types, source)?, when, says })
    }

    fn fits(&self, view: &View<'_>, type_name: &str) -> bool {
        self.is_for(type_name) && self.when.iter().all(|condition| condition.holds(view))
    }

    fn is_for(&self, type_name: &str) -> bool {
        self.types.is_empty() || self.types.include(type_name)
    }
}

fn id_at(name: &str, selectors: &[Selector], view: &View<'_>) -> Result<Id, String> {
    let text = view.first(selectors).map_err(|missing: Missing| format!("{name} {missing}"))?;
    Id::new(&text).map_err(|error| format!("{name} {error}"))
}
