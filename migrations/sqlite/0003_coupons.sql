-- Coupons: at most max_redemptions redeemers of a code. The checks and keys decide.
create table coupons ( -- A limited offer. redeemed is the number of its redemptions.
    code            text not null constraint coupons_code_length check (length(code) between 1 and 255), -- What the customer enters.
    max_redemptions integer not null constraint coupons_max_redemptions_not_negative check (max_redemptions >= 0), -- How many redeemers there may be.
    redeemed        integer not null default 0 constraint coupons_redeemed_not_negative check (redeemed >= 0), -- How many there are.
    created_at      text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- When the coupon was created.
    constraint coupons_pkey primary key (code),
    constraint coupons_not_oversold check (redeemed <= max_redemptions)
) strict;

create table redemptions ( -- Who has redeemed a coupon: each redeemer once.
    code        text not null, -- The coupon.
    redeemer    text not null constraint redemptions_redeemer_length check (length(redeemer) between 1 and 255), -- Who: a customer, a card, a cart.
    "order"     text constraint redemptions_order_length check (length("order") between 1 and 255), -- For which of the merchant's orders.
    redeemed_at text not null default (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')), -- When.
    constraint redemptions_pkey primary key (code, redeemer)
) strict, without rowid;
