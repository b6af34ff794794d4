-- Views for people. Amounts are shown in the currency's own decimals: the scale is a power of ten, so its zeros are the decimals.

create view v_orders as -- Orders with amounts as people write them.
with scaled as (
    select o.*, captured - refunded - lost as held,
           case
               when currency in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') then 1
               when currency in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 1000
               when currency in ('CLF', 'UYW') then 10000
               when currency in ('USDC', 'USDT', 'EURC') then 1000000
               when currency in ('BTC', 'LTC', 'BCH', 'DOGE') then 100000000
               when currency in ('ETH', 'SOL') then 1000000000
               else 100
           end as scale
      from orders o)
select source,         -- The configured account of the provider.
       order_id,       -- The merchant's id of the order; of a payment that names none, the payment's id.
       status,         -- Where it stands.
       currency,       -- ISO 4217 code of the amounts.
       iif(scale = 1, cast(authorized as text), printf('%d.%0*d', authorized / scale, length(scale) - 1, authorized % scale)) as authorized, -- Ever reserved.
       iif(scale = 1, cast(reserved as text), printf('%d.%0*d', reserved / scale, length(scale) - 1, reserved % scale)) as reserved,       -- Reserved now, and may still be captured.
       iif(scale = 1, cast(captured as text), printf('%d.%0*d', captured / scale, length(scale) - 1, captured % scale)) as captured,       -- Captured, less captures that failed.
       iif(scale = 1, cast(refunded as text), printf('%d.%0*d', refunded / scale, length(scale) - 1, refunded % scale)) as refunded,       -- Given back.
       iif(scale = 1, cast(disputed as text), printf('%d.%0*d', disputed / scale, length(scale) - 1, disputed % scale)) as disputed,       -- In disputes that are open or lost.
       iif(scale = 1, cast(lost as text), printf('%d.%0*d', lost / scale, length(scale) - 1, lost % scale)) as lost,                   -- In disputes that are lost.
       iif(held < 0, '-', '') || iif(scale = 1, cast(abs(held) as text), printf('%d.%0*d', abs(held) / scale, length(scale) - 1, abs(held) % scale)) as held, -- Captured, less what was given back or lost: the money that is there.
       anomaly,        -- What a person should look at, the first of anomalies; null if nothing.
       anomalies,      -- All that a person should look at, each with the sums that say why.
       (select count(*) from payments p where p.order_id = scaled.order_id and p.source = scaled.source) as payments, -- How many payments the order has.
       version,        -- Changes with every write.
       first_event_at, -- When the earliest event that tells of its payments happened.
       last_event_at,  -- When the latest did.
       updated_at      -- When the row was written.
  from scaled;

create view v_events as -- Events with the order of their payment, without their bodies.
with scaled as (
    select e.*,
           case
               when currency in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') then 1
               when currency in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 1000
               when currency in ('CLF', 'UYW') then 10000
               when currency in ('USDC', 'USDT', 'EURC') then 1000000
               when currency in ('BTC', 'LTC', 'BCH', 'DOGE') then 100000000
               when currency in ('ETH', 'SOL') then 1000000000
               else 100
           end as scale
      from events e)
select e.source,      -- The configured account of the provider.
       e.event_id,    -- The provider's id of the event.
       e.type,        -- The provider's name for what happened.
       e.outcome,     -- What became of it.
       e.reason,      -- Why, where the outcome does not say it.
       e.payment_id,  -- The provider's payment that it is about.
       p.order_id,    -- The order that this payment belongs to now.
       e.account,     -- The merchant's account at the provider that it is about.
       e.kind,        -- What its fact says happened to money.
       e.basis,       -- How the amount is to be taken.
       e.reference,   -- The movement of money.
       iif(e.scale = 1, cast(e.amount as text), printf('%d.%0*d', e.amount / e.scale, length(e.scale) - 1, e.amount % e.scale)) as amount, -- The amount as people write it.
       e.currency,    -- ISO 4217 code.
       e.order_claim, -- The merchant's order that it names.
       e.claim_rank,  -- The rank of the field that named it.
       e.occurred_at, -- When it happened, by the provider's clock.
       e.received_at, -- When it arrived.
       e.duplicates,  -- How often it came again.
       e.read_by,     -- The generation of definitions that read it; null if none did.
       lower(hex(e.facts_sha256)) as facts_sha256, -- The digest of everything that the event says, in hex.
       lower(hex(e.body_sha256)) as body_sha256,   -- The digest of its bytes, in hex.
       e.headers,     -- The headers that the provider's definition reads.
       length(e.payload) as payload_bytes          -- The length of its body; null after a purge.
  from scaled e
  left join payments p on p.payment_id = e.payment_id and p.source = e.source;

create view v_entries as -- Facts by movement of money: each movement once, however many events state it.
with stated as (
    select e.*, row_number() over (partition by payment_id, source, kind, basis, reference, currency
                                   order by occurred_at desc, amount desc) as place
      from events e
     where kind is not null),
movements as (
    select s.source, p.order_id, s.payment_id, s.kind, s.basis, s.reference, s.currency,
           case when s.basis in ('total', 'adjusting') or s.kind in ('disputed', 'dispute_won', 'dispute_lost')
                then max(s.amount) filter (where s.place = 1) else max(s.amount) end as amount,
           max(s.amount) as most, min(s.amount) as least, count(*) as events,
           min(s.occurred_at) as first_at, max(s.occurred_at) as last_at,
           case
               when s.currency in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV', 'XAF', 'XOF', 'XPF') then 1
               when s.currency in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 1000
               when s.currency in ('CLF', 'UYW') then 10000
               when s.currency in ('USDC', 'USDT', 'EURC') then 1000000
               when s.currency in ('BTC', 'LTC', 'BCH', 'DOGE') then 100000000
               when s.currency in ('ETH', 'SOL') then 1000000000
               else 100
           end as scale
      from stated s
      left join payments p on p.payment_id = s.payment_id and p.source = s.source
     group by s.source, p.order_id, s.payment_id, s.kind, s.basis, s.reference, s.currency)
select source,     -- The configured account of the provider.
       order_id,   -- The order that the payment belongs to.
       payment_id, -- The payment.
       kind,       -- What happened to money.
       basis,      -- How its amounts are to be taken.
       reference,  -- The movement.
       currency,   -- ISO 4217 code.
       iif(scale = 1, cast(amount as text), printf('%d.%0*d', amount / scale, length(scale) - 1, amount % scale)) as amount, -- The amount that counts: the latest of totals, adjustments and disputes, else the largest.
       least <> most as restated, -- Whether it was stated with different amounts.
       events,     -- How many events state it.
       first_at,   -- When the earliest of them happened.
       last_at     -- When the latest did.
  from movements;

create view v_anomalies as -- What a person should look at, or has: every anomaly of every order.
select o.source,                                -- The configured account of the provider.
       o.order_id,                              -- The order.
       f.value ->> 'anomaly' as anomaly,        -- What it is.
       f.value -> 'detail' as detail,           -- The sums that say why.
       a.acknowledged_at,                       -- When a person settled it; null if nobody has, or not these sums.
       a.note                                   -- How, in the words of who settled it.
  from orders o
  join json_each(o.anomalies) f
  left join acknowledgements a
    on a.order_id = o.order_id and a.source = o.source and a.anomaly = f.value ->> 'anomaly'
   and a.detail = f.value -> 'detail'
 where o.anomaly is not null;

create view v_unclaimed as -- Payments whose money moved and that no event names an order for.
select p.source,     -- The configured account of the provider.
       p.payment_id, -- The payment; its order goes by the same id.
       o.currency,   -- ISO 4217 code of the amounts.
       o.captured,   -- Minor units captured.
       o.refunded,   -- Minor units given back.
       o.disputed,   -- Minor units in disputes that are open or lost.
       o.updated_at  -- When its row was written.
  from payments p
  join orders o on o.order_id = p.order_id and o.source = p.source
 where p.link = 'provisional' and (o.captured > 0 or o.refunded > 0 or o.disputed > 0);

create view v_failures as -- What needs a person, or needed one: events that are parked or dead, and bodies in conflict.
with failures as (
    select source, event_id, outcome, reason, type, received_at, body_sha256
      from events
     where outcome in ('parked', 'dead')
    union all
    select source, event_id, 'conflict', 'this id is stored with other facts; the first stands', null, received_at,
           body_sha256
      from conflicts)
select f.source,      -- The configured account of the provider.
       f.event_id,    -- The provider's id of the event.
       f.outcome,     -- parked, dead or conflict.
       f.reason,      -- Why.
       f.type,        -- The provider's name for what happened, where it could be read.
       f.received_at, -- When it arrived.
       lower(hex(f.body_sha256)) as body_sha256, -- The digest of its bytes, in hex.
       a.acknowledged_at, -- When a person settled it; null if nobody has.
       a.note         -- How, in the words of who settled it.
  from failures f
  left join event_acknowledgements a
    on a.event_id = f.event_id and a.source = f.source and a.body_sha256 = f.body_sha256 and a.outcome = f.outcome;
