-- Coupons: at most max_redemptions redeemers of a code. The checks and keys decide; redeem_batch only counts ahead.
create table coupons (
    code            text collate "C" not null constraint coupons_code_length check (length(code) between 1 and 255),
    max_redemptions bigint not null constraint coupons_max_redemptions_not_negative check (max_redemptions >= 0),
    redeemed        bigint not null default 0 constraint coupons_redeemed_not_negative check (redeemed >= 0),
    created_at      timestamptz not null default now(),
    constraint coupons_pkey primary key (code),
    constraint coupons_not_oversold check (redeemed <= max_redemptions)
) with (fillfactor = 80);
comment on table coupons is 'A limited offer. redeemed is the number of its redemptions.';
comment on column coupons.code is 'What the customer enters.';
comment on column coupons.max_redemptions is 'How many redeemers there may be.';
comment on column coupons.redeemed is 'How many there are; never more than max_redemptions.';
comment on column coupons.created_at is 'When the coupon was created.';

create table redemptions (
    code        text collate "C" not null,
    redeemer    text collate "C" not null constraint redemptions_redeemer_length check (length(redeemer) between 1 and 255),
    "order"     text collate "C" constraint redemptions_order_length check (length("order") between 1 and 255),
    redeemed_at timestamptz not null default now(),
    constraint redemptions_pkey primary key (code, redeemer)
);
comment on table redemptions is 'Who has redeemed a coupon: each redeemer once.';
comment on column redemptions.code is 'The coupon.';
comment on column redemptions.redeemer is 'Who: a customer, a card, a cart, as the merchant counts.';
comment on column redemptions."order" is 'For which of the merchant''s orders.';
comment on column redemptions.redeemed_at is 'When.';

-- Redeems for many at once, in their order; each (code, redeemer) once. The coupons are locked and updated first, in key
-- order, and only then the redemptions inserted: the other way round, two statements would both count what neither sees.
-- Answers a word for each: granted, held (that redeemer has it), sold_out, unknown (no such code).
create function redeem_batch(r_code text[], r_redeemer text[], r_order text[]) returns text[] language plpgsql
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    answers text[];
begin
    perform 1 from coupons c
      where c.code in (select unnest(r_code)) order by c.code for update;

    -- Newcomers are numbered within their code; those up to what is left are granted.
    with asked as (
        select a.n, a.code, a.redeemer, a."order" from unnest(r_code, r_redeemer, r_order) with ordinality as a (code, redeemer, "order", n)),
    judged as (
        select a.*, c.code is null as unknown, h.code is not null as held,
               c.max_redemptions - c.redeemed as left_over,
               count(*) filter (where h.code is null) over (partition by a.code order by a.n) as place
          from asked a
          left join coupons c on c.code = a.code
          left join redemptions h on h.code = a.code and h.redeemer = a.redeemer)
    select array_agg(case when unknown then 'unknown' when held then 'held'
                          when place <= left_over then 'granted' else 'sold_out' end order by n)
      into answers from judged;

    update coupons c set redeemed = c.redeemed + g.granted
      from (select code, count(*) as granted from unnest(r_code, answers) as a (code, answer)
             where answer = 'granted' group by code) g
     where c.code = g.code;
    insert into redemptions (code, redeemer, "order")
    select code, redeemer, "order" from unnest(r_code, r_redeemer, r_order, answers) as a (code, redeemer, "order", answer)
     where answer = 'granted' order by code collate "C", redeemer collate "C";
    return answers;
end $$;
comment on function redeem_batch is 'Redeems coupons for many redeemers at once; see the table redemptions.';

-- Takes a redemption back; true if there was one. The coupon is locked first, as everywhere.
create function give_back(g_code text, g_redeemer text) returns boolean language plpgsql as $$
begin
    perform 1 from coupons c where c.code = g_code for update;
    delete from redemptions r where r.code = g_code and r.redeemer = g_redeemer;
    if not found then return false; end if;
    update coupons c set redeemed = c.redeemed - 1 where c.code = g_code;
    return true;
end $$;
comment on function give_back is 'Takes a redemption back, so that another redeemer may have it.';
