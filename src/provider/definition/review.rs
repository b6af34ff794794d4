//! Refuses definitions that could be loaded, but would lose money without an error.

use super::{Definition, FamilyTable, Proof, RuleTable, Texts};
use crate::order::{Basis, Kind};

impl Definition {
    /// # Errors
    /// The key and what is wrong.
    pub(in crate::provider) fn review(&self) -> Result<(), (String, String)> {
        for (index, family) in self.facts.families.iter().enumerate() {
            let key = format!("facts.family {} ({})", index + 1, family.types.0.join(", "));
            let earlier = self.facts.families.iter().take(index);
            if earlier.clone().any(|other| covers(&other.types, &family.types)) {
                return Err((key, "is never reached: a family before it takes all of its types".to_owned()));
            }
            for (position, rule) in family.rules.iter().enumerate() {
                self.review_rule(family, position, rule)
                    .map_err(|problem| (key.clone(), format!("rule {}: {problem}", position + 1)))?;
            }
        }
        Ok(())
    }

    fn review_rule(&self, family: &FamilyTable, position: usize, rule: &RuleTable) -> Result<(), String> {
        let earlier = family.rules.iter().take(position);
        if earlier.clone().any(|other| other.when.is_empty() && covers(&other.types, &rule.types)) {
            return Err("is never reached: a rule before it always fits".to_owned());
        }
        let Some(kind) = rule.kind else { return Ok(()) };
        let (kind, basis) = (kind.0, rule.basis.0);
        if !fits(kind, basis) {
            return Err(format!("basis `{basis}` says nothing of `{kind}`"));
        }
        let reference = either(&rule.reference, &family.reference);
        if kind == Kind::Refunded && basis == Basis::Own && reference.0.is_empty() {
            return Err(
                "a refund needs a `reference` of its own, or two refunds of one payment count as one"
                    .to_owned(),
            );
        }
        let amount = either(&rule.amount, &family.amount);
        let stated = [&family.payment, reference, amount, &family.currency];
        let unsigned = stated.into_iter().flat_map(|texts| &texts.0).find(|text| !self.is_signed(text));
        match unsigned {
            Some(field) if self.facts.unsigned.is_none() => Err(format!(
                "no signature covers `{field}`; write `only` for a provider whose webhooks must be confirmed by its API, or say in `unsigned` why they may be believed"
            )),
            Some(_) | None => Ok(()),
        }
    }

    /// Whether who changes this field of the body breaks the signature.
    fn is_signed(&self, selector: &str) -> bool {
        let is_field = selector.starts_with('/') || selector.starts_with("form:");
        let field = format!("{{{selector}}}");
        let payload = self.facts.xml.as_ref().map_or_else(String::new, |xml| format!("{{{xml}}}"));
        let parts = ["{body}", "{sorted-body", "{crc32}", &field, &payload];
        let covers = |text: &String| parts.iter().any(|part| !part.is_empty() && text.contains(part));
        let signed = &self.signature.signed.0;
        let is_covered = !signed.is_empty() && signed.iter().all(covers);
        match self.signature.proof {
            Proof::Token => !is_field,
            // All of the body is a part of what is signed.
            Proof::Jws(_) => true,
            Proof::Hmac(_) | Proof::Digest(_) | Proof::Certificate(_) | Proof::PublicKey(_) => {
                !is_field || is_covered
            }
        }
    }
}

fn either<'a>(own: &'a Texts, common: &'a Texts) -> &'a Texts {
    if own.0.is_empty() { common } else { own }
}

/// Whether every type of `others` is one of `types`, of which none means all.
fn covers(types: &Texts, others: &Texts) -> bool {
    let takes = |own: &String, other: &String| match own.strip_suffix('*') {
        Some(prefix) => other.starts_with(prefix),
        None => own == other,
    };
    types.0.is_empty()
        || !others.0.is_empty() && others.0.iter().all(|other| types.0.iter().any(|own| takes(own, other)))
}

/// Which kinds a basis says something of.
fn fits(kind: Kind, basis: Basis) -> bool {
    match basis {
        Basis::Own => true,
        Basis::Total => matches!(kind, Kind::Captured | Kind::Refunded),
        Basis::Presumed | Basis::Adjusting | Basis::Standalone => kind == Kind::Authorized,
        Basis::Unreferenced => matches!(kind, Kind::CaptureFailed | Kind::DisputeWon),
        Basis::Reversal => kind == Kind::Refunded,
    }
}
