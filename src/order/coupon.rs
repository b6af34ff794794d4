//! Coupons: a limited offer, each redeemer once. How many are left is the database's to decide.

use super::id::Id;
use super::words::words;

/// A request to redeem a coupon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redemption {
    /// The coupon.
    pub code: Id,
    /// Who: a customer, a card, a cart, as the merchant counts.
    pub redeemer: Id,
    /// For which order.
    pub order: Option<Id>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Redeemed {
    /// The redeemer has it now.
    Granted,
    /// The redeemer had it already.
    Held,
    /// Nothing is left.
    SoldOut,
    /// There is no such coupon.
    Unknown,
}

words!(Redeemed { Granted = "granted", Held = "held", SoldOut = "sold_out", Unknown = "unknown" });
