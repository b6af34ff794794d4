//! Which order an event names for its payment.

use super::super::definition::{self, Texts};
use super::super::fields::{Scalar, Selector, Selectors, View};
use super::super::{CustomerClaims, SourceSettings};
use crate::order::{Claim, Id, UNUSABLE_ORDER};

/// What a selector begins with where the buyer can set what it finds.
pub(in super::super) const BY_BUYER: &str = "buyer:";
/// The first rank of the places of a modification: a refund, a capture, a dispute, which the merchant may have named for
/// itself. Stored ranks must not shift when a definition gets another place, so there is room before it.
const MODIFICATION_RANK: i16 = 100;

/// The places of a family's order ids, best first.
#[derive(Debug, Clone)]
pub(super) struct Claims(Vec<(i16, Selector)>);

/// What an event says of its payment's order.
#[derive(Debug)]
pub(super) enum Named {
    Nothing,
    Order(Claim),
    /// Something that is no order's id, and why. What stands behind it may be another's word, so it is not looked at.
    Unusable(String),
}

impl Claims {
    /// The source's own selectors outrank the definition's, whose ranks stay what they are: 0 and up.
    ///
    /// # Errors
    /// What was expected.
    pub(super) fn new(
        family: &Texts,
        facts: &definition::FactsTable,
        source: &SourceSettings,
        selectors: &mut Selectors,
    ) -> Result<Self, String> {
        let leading = i16::try_from(source.order.len()).map_err(|_| "too many `order` selectors")?;
        let (defined, first_rank) = match family.0.as_slice() {
            [] => (&facts.order, 0),
            _ => (family, MODIFICATION_RANK),
        };
        let own = (-leading..0).zip(source.order.iter().map(String::as_str));
        let defined =
            (first_rank..).zip(&defined.0).filter_map(|(rank, text)| match text.strip_prefix(BY_BUYER) {
                None => Some((rank, text.as_str())),
                Some(text) => (source.customer_claims == CustomerClaims::Accept).then_some((rank, text)),
            });
        own.chain(defined)
            .map(|(rank, text)| Ok((rank, selectors.compile(text, source)?)))
            .collect::<Result<_, String>>()
            .map(Self)
    }

    /// The best-ranked field that names an order. An empty field names none.
    pub(super) fn read(&self, view: &View<'_>) -> Named {
        let mut found = self.0.iter().map(|(rank, selector)| (*rank, view.scalar(selector)));
        let is_there = |(_, value): &(i16, Scalar<'_>)| match value {
            Scalar::Text(text) => !text.is_empty(),
            Scalar::Absent => false,
            Scalar::Unreadable => true,
        };
        match found.find(is_there) {
            None => Named::Nothing,
            Some((rank, Scalar::Text(text))) => match Id::new(&text) {
                Ok(order) => Named::Order(Claim { order, rank }),
                Err(error) => Named::Unusable(format!("{UNUSABLE_ORDER} {error}")),
            },
            Some((_, Scalar::Absent | Scalar::Unreadable)) => {
                Named::Unusable(format!("{UNUSABLE_ORDER} is no readable text"))
            }
        }
    }
}

/// The selectors of a definition that the buyer can set.
pub(in super::super) fn by_buyer(facts: &definition::FactsTable) -> Vec<&str> {
    let families = facts.families.iter().flat_map(|family| &family.order.0);
    let mut found: Vec<&str> = Vec::new();
    for text in facts.order.0.iter().chain(families).filter_map(|text| text.strip_prefix(BY_BUYER)) {
        if !found.contains(&text) {
            found.push(text);
        }
    }
    found
}
