//! An event: what a verified webhook says, in the same words for all providers.

use super::digest::FieldsDigest;
use super::fact::{Claim, Fact};
use super::id::{Id, Key};
use super::money::Money;
use super::words::words;
use bytes::Bytes;

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct UnixMicros(pub i64);

impl UnixMicros {
    /// 9999-12-30T22:00:00Z, the last moment that every store and every reader can hold, in whatever zone it is shown.
    const MAX: i64 = 253_402_207_200_000_000;

    /// A moment between 1970 and 9999.
    #[must_use]
    pub fn new(micros: i64) -> Option<Self> {
        (0..=Self::MAX).contains(&micros).then_some(Self(micros))
    }
}

/// What an event says about money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Statement {
    /// One fact.
    Fact(Fact),
    /// Nothing, and why.
    Noted(String),
    /// Money moved, but what or how much is missing or unreadable, and which.
    Parked(String),
    /// It cannot be read at all, and why.
    Dead(String),
}

/// What an event is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct About {
    /// The provider's payment.
    pub payment: Option<Id>,
    /// The merchant's account at the provider, where one endpoint serves several.
    pub account: Option<Id>,
}

/// The webhook that an event was read from.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The exact bytes; of a webhook with several events, this event's.
    pub body: Bytes,
    /// Their SHA-256.
    pub body_sha256: [u8; 32],
    /// The headers that the provider's definition reads, as a JSON object; never signatures or tokens.
    pub headers: String,
    /// When it arrived. Unique among the webhooks of one process, so it also tells whose save it was.
    pub received_at: UnixMicros,
    /// The generation of definitions that read it; none of an event that we wrote ourselves.
    pub read_by: Option<i16>,
}

/// Stands for everything that a webhook's events are read from: two webhooks that share it say the same events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// What a verified webhook says. It states at most one fact, and a fact or a claim is always about a payment.
#[derive(Debug, Clone)]
pub struct Event {
    key: Key,
    type_name: String,
    occurred_at: UnixMicros,
    about: About,
    statement: Statement,
    claim: Option<Claim>,
    facts_sha256: [u8; 32],
    evidence: Evidence,
    remark: Option<String>,
}

impl Event {
    /// Puts an event together. A fact without a payment, or without the amount that its kind needs, is parked; a claim
    /// without a payment says nothing.
    #[must_use]
    pub fn new(
        key: Key,
        (type_name, occurred_at): (String, UnixMicros),
        about: About,
        statement: Statement,
        claim: Option<Claim>,
        evidence: Evidence,
    ) -> Self {
        let parked = |missing: &str| Statement::Parked(format!("{missing} is missing"));
        let statement = match statement {
            Statement::Fact(_) if about.payment.is_none() => parked("payment"),
            Statement::Fact(fact) if fact.lacks_money() => parked("amount"),
            other => other,
        };
        let claim = claim.filter(|_| about.payment.is_some());
        let mut event = Self {
            key,
            type_name,
            occurred_at,
            about,
            statement,
            claim,
            facts_sha256: [0; 32],
            evidence,
            remark: None,
        };
        event.facts_sha256 = event.digest_of_facts();
        event
    }

    /// The event that a verified but unreadable webhook becomes: its body is kept, under its SHA-256 if it has no id.
    #[must_use]
    pub fn dead(source: Id, id: Option<Id>, reason: String, evidence: Evidence) -> Self {
        let key = Key { id: id.unwrap_or_else(|| Id::from(evidence.body_sha256)), source };
        let said = ("unreadable".to_owned(), evidence.received_at);
        Self::new(key, said, About::default(), Statement::Dead(reason), None, evidence)
    }

    /// The event, marked as brought in by an operator: no signature vouches for it.
    #[must_use]
    pub fn imported(self) -> Self {
        self.remarked("imported".to_owned())
    }

    /// The event with a reason to store where its outcome has none.
    #[must_use]
    pub fn remarked(self, remark: String) -> Self {
        Self { remark: Some(remark), ..self }
    }

    /// The reason to store where its outcome has none.
    pub(super) fn remark(&self) -> Option<String> {
        self.remark.clone()
    }

    /// Its id and source.
    #[must_use]
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The provider's name for what happened (`charge.refunded`).
    #[must_use]
    pub fn type_name(&self) -> &str {
        &self.type_name
    }

    /// When it happened, by the provider's clock.
    #[must_use]
    pub fn occurred_at(&self) -> UnixMicros {
        self.occurred_at
    }

    /// The payment that it is about.
    #[must_use]
    pub fn payment(&self) -> Option<&Id> {
        self.about.payment.as_ref()
    }

    /// The merchant's account at the provider that it is about, where one endpoint serves several.
    #[must_use]
    pub fn account(&self) -> Option<&Id> {
        self.about.account.as_ref()
    }

    /// The payment's key.
    #[must_use]
    pub fn payment_key(&self) -> Option<Key> {
        self.payment().map(|payment| self.key.sibling(payment))
    }

    /// What it says about money.
    #[must_use]
    pub fn statement(&self) -> &Statement {
        &self.statement
    }

    /// Its fact, if it states one.
    #[must_use]
    pub fn fact(&self) -> Option<&Fact> {
        match &self.statement {
            Statement::Fact(fact) => Some(fact),
            Statement::Noted(_) | Statement::Parked(_) | Statement::Dead(_) => None,
        }
    }

    /// The amount of its fact, if it states one.
    #[must_use]
    pub fn money(&self) -> Option<&Money> {
        self.fact()?.money.as_ref()
    }

    /// Its claim, if it names the merchant's order.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        self.claim.as_ref()
    }

    /// The digest of everything that the event says, apart from its bytes: two deliveries of one event share it
    /// although the provider changed a volatile field between them.
    #[must_use]
    pub fn facts_sha256(&self) -> [u8; 32] {
        self.facts_sha256
    }

    /// The webhook that it came from.
    #[must_use]
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// The order that it claims; while it claims none, the payment's provisional one.
    #[must_use]
    pub fn order_key(&self) -> Option<Key> {
        let payment = self.payment()?;
        Some(self.key.sibling(self.claim.as_ref().map_or(payment, |claim| &claim.order)))
    }

    /// Whether it adds to what is known of its payment.
    #[must_use]
    pub fn tells_of_a_payment(&self) -> bool {
        self.fact().is_some() || self.claim.is_some()
    }

    fn digest_of_facts(&self) -> [u8; 32] {
        let mut digest = FieldsDigest::default();
        let mut field = |bytes: &[u8]| digest.add(bytes);
        field(self.type_name.as_bytes());
        field(&self.occurred_at.0.to_le_bytes());
        field(self.payment().map_or("", Id::as_str).as_bytes());
        field(self.account().map_or("", Id::as_str).as_bytes());
        match &self.statement {
            Statement::Fact(fact) => {
                field(fact.kind.as_str().as_bytes());
                field(fact.reference.as_str().as_bytes());
                field(fact.basis.as_str().as_bytes());
                if let Some(money) = fact.money {
                    field(&money.amount.to_le_bytes());
                    field(money.currency.as_str().as_bytes());
                }
            }
            Statement::Noted(reason) | Statement::Parked(reason) => field(reason.as_bytes()),
            Statement::Dead(_) => field(&self.evidence.body_sha256),
        }
        if let Some(claim) = &self.claim {
            field(claim.order.as_str().as_bytes());
            field(&claim.rank.to_le_bytes());
        }
        digest.finish()
    }
}

/// What became of an event: the sender's receipt, the database's `outcome`, the metric's label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Money or a link changed.
    Applied,
    /// Nothing new: the movement was known.
    Restated,
    /// No money meaning, or the other mode's.
    Noted,
    /// Payment, amount or currency missing or unreadable.
    Parked,
    /// Known id, same body or same facts.
    Duplicate,
    /// Known id, other facts: the first stands, this one is kept aside.
    Conflict,
    /// Verified but unreadable, or refused by the database for its data.
    Dead,
}

words!(Outcome {
    Applied = "applied",
    Restated = "restated",
    Noted = "noted",
    Parked = "parked",
    Duplicate = "duplicate",
    Conflict = "conflict",
    Dead = "dead",
});

/// What the sender is told about one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The event.
    pub event: Id,
    /// The order that it belongs to, as far as it is known.
    pub order: Option<Id>,
    /// What became of it.
    pub outcome: Outcome,
    /// Why, where the outcome does not say it.
    pub reason: Option<String>,
}
