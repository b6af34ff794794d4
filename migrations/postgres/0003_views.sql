-- Views for people. Amounts are shown in the currency's own decimals.

-- The decimals that ISO 4217 gives a currency, and those of digital assets.
create function currency_exponent(currency text) returns int language sql immutable as $$
    select case
        when currency in ('BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'UYI', 'VND', 'VUV',
                          'XAF', 'XOF', 'XPF') then 0
        when currency in ('BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND') then 3
        when currency in ('CLF', 'UYW') then 4
        when currency in ('USDC', 'USDT', 'EURC') then 6
        when currency in ('BTC', 'LTC', 'BCH', 'DOGE') then 8
        when currency in ('ETH', 'SOL') then 9
        else 2
    end
$$;
comment on function currency_exponent is 'The decimals that ISO 4217 gives a currency, and those of digital assets.';

-- It names no function of ours: its text is read wherever a view is, also where our schema is not on the search path.
create function display_amount(amount bigint, exponent int) returns text language sql immutable as $$
    select round(amount::numeric / power(10::numeric, exponent), exponent)::text
$$;
comment on function display_amount is 'Minor units as people write them: 2000 of USD is 20.00.';

create view v_orders as
select source, order_id, status, currency,
       display_amount(authorized, currency_exponent(currency)) as authorized, display_amount(reserved, currency_exponent(currency)) as reserved,
       display_amount(captured, currency_exponent(currency)) as captured, display_amount(refunded, currency_exponent(currency)) as refunded,
       display_amount(disputed, currency_exponent(currency)) as disputed, display_amount(lost, currency_exponent(currency)) as lost,
       display_amount(captured - refunded - lost, currency_exponent(currency)) as held, anomaly, anomalies,
       (select count(*) from payments p where p.order_id = o.order_id and p.source = o.source) as payments,
       version, first_event_at, last_event_at, updated_at
  from orders o;
comment on view v_orders is 'Orders with amounts as people write them.';
comment on column v_orders.source is 'The configured account of the provider.';
comment on column v_orders.order_id is 'The merchant''s id of the order; of a payment that names none, the payment''s id.';
comment on column v_orders.status is 'Where it stands.';
comment on column v_orders.currency is 'ISO 4217 code of the amounts.';
comment on column v_orders.authorized is 'Ever reserved.';
comment on column v_orders.reserved is 'Reserved now, and may still be captured.';
comment on column v_orders.captured is 'Captured, less captures that failed.';
comment on column v_orders.refunded is 'Given back.';
comment on column v_orders.disputed is 'In disputes that are open or lost.';
comment on column v_orders.lost is 'In disputes that are lost.';
comment on column v_orders.held is 'Captured, less what was given back or lost: the money that is there.';
comment on column v_orders.anomaly is 'What a person should look at, the first of anomalies; null if nothing.';
comment on column v_orders.anomalies is 'All that a person should look at, each with the sums that say why.';
comment on column v_orders.payments is 'How many payments the order has.';
comment on column v_orders.version is 'Changes with every write.';
comment on column v_orders.first_event_at is 'When the earliest event that tells of its payments happened.';
comment on column v_orders.last_event_at is 'When the latest did.';
comment on column v_orders.updated_at is 'When the row was written.';

create view v_events as
select e.source, e.event_id, e.type, e.outcome, e.reason, e.payment_id, p.order_id, e.account, e.kind, e.basis,
       e.reference, display_amount(e.amount, currency_exponent(e.currency)) as amount, e.currency, e.order_claim, e.claim_rank, e.occurred_at,
       e.received_at, e.duplicates, e.read_by, encode(e.facts_sha256, 'hex') as facts_sha256,
       encode(e.body_sha256, 'hex') as body_sha256, e.headers, length(e.payload) as payload_bytes
  from events e
  left join payments p on p.payment_id = e.payment_id and p.source = e.source;
comment on view v_events is 'Events with the order of their payment, without their bodies.';
comment on column v_events.source is 'The configured account of the provider.';
comment on column v_events.event_id is 'The provider''s id of the event.';
comment on column v_events.type is 'The provider''s name for what happened.';
comment on column v_events.outcome is 'What became of it.';
comment on column v_events.reason is 'Why, where the outcome does not say it.';
comment on column v_events.payment_id is 'The provider''s payment that it is about.';
comment on column v_events.order_id is 'The order that this payment belongs to now.';
comment on column v_events.account is 'The merchant''s account at the provider that it is about.';
comment on column v_events.kind is 'What its fact says happened to money.';
comment on column v_events.basis is 'How the amount is to be taken.';
comment on column v_events.reference is 'The movement of money.';
comment on column v_events.amount is 'The amount as people write it.';
comment on column v_events.currency is 'ISO 4217 code.';
comment on column v_events.order_claim is 'The merchant''s order that it names.';
comment on column v_events.claim_rank is 'The rank of the field that named it.';
comment on column v_events.occurred_at is 'When it happened, by the provider''s clock.';
comment on column v_events.received_at is 'When it arrived.';
comment on column v_events.duplicates is 'How often it came again.';
comment on column v_events.read_by is 'The generation of definitions that read it; null if none did.';
comment on column v_events.facts_sha256 is 'The digest of everything that the event says, in hex.';
comment on column v_events.body_sha256 is 'The digest of its bytes, in hex.';
comment on column v_events.headers is 'The headers that the provider''s definition reads.';
comment on column v_events.payload_bytes is 'The length of its body; null after a purge.';

create view v_entries as
with stated as (
    select e.*, row_number() over (partition by payment_id, source, kind, basis, reference, currency
                                   order by occurred_at desc, amount desc) as place
      from events e
     where kind is not null)
select s.source, p.order_id, s.payment_id, s.kind, s.basis, s.reference, s.currency,
       display_amount(case when s.basis in ('total', 'adjusting') or s.kind in ('disputed', 'dispute_won', 'dispute_lost')
                           then max(s.amount) filter (where s.place = 1) else max(s.amount) end, currency_exponent(s.currency)) as amount,
       min(s.amount) <> max(s.amount) as restated, count(*) as events, min(s.occurred_at) as first_at,
       max(s.occurred_at) as last_at
  from stated s
  left join payments p on p.payment_id = s.payment_id and p.source = s.source
 group by s.source, p.order_id, s.payment_id, s.kind, s.basis, s.reference, s.currency;
comment on view v_entries is 'Facts by movement of money: each movement once, however many events state it.';
comment on column v_entries.source is 'The configured account of the provider.';
comment on column v_entries.order_id is 'The order that the payment belongs to.';
comment on column v_entries.payment_id is 'The payment.';
comment on column v_entries.kind is 'What happened to money.';
comment on column v_entries.basis is 'How its amounts are to be taken.';
comment on column v_entries.reference is 'The movement.';
comment on column v_entries.currency is 'ISO 4217 code.';
comment on column v_entries.amount is
    'The amount that counts, as people write it: the latest of totals, adjustments and disputes, else the largest.';
comment on column v_entries.restated is 'Whether it was stated with different amounts.';
comment on column v_entries.events is 'How many events state it.';
comment on column v_entries.first_at is 'When the earliest of them happened.';
comment on column v_entries.last_at is 'When the latest did.';

create view v_anomalies as
select o.source, o.order_id, f.finding ->> 'anomaly' as anomaly, f.finding -> 'detail' as detail, a.acknowledged_at, a.note
  from orders o
 cross join lateral jsonb_array_elements(o.anomalies) as f (finding)
  left join acknowledgements a
    on a.order_id = o.order_id and a.source = o.source and a.anomaly = f.finding ->> 'anomaly'
   and a.detail = f.finding -> 'detail'
 where o.anomaly is not null;
comment on view v_anomalies is 'What a person should look at, or has: every anomaly of every order.';
comment on column v_anomalies.source is 'The configured account of the provider.';
comment on column v_anomalies.order_id is 'The order.';
comment on column v_anomalies.anomaly is 'What it is.';
comment on column v_anomalies.detail is 'The sums that say why.';
comment on column v_anomalies.acknowledged_at is 'When a person settled it; null if nobody has, or not these sums.';
comment on column v_anomalies.note is 'How, in the words of who settled it.';

create view v_unclaimed as
select p.source, p.payment_id, o.currency, o.captured, o.refunded, o.disputed, o.updated_at
  from payments p
  join orders o on o.order_id = p.order_id and o.source = p.source
 where p.link = 'provisional' and (o.captured > 0 or o.refunded > 0 or o.disputed > 0);
comment on view v_unclaimed is 'Payments whose money moved and that no event names an order for.';
comment on column v_unclaimed.source is 'The configured account of the provider.';
comment on column v_unclaimed.payment_id is 'The payment; its order goes by the same id.';
comment on column v_unclaimed.currency is 'ISO 4217 code of the amounts.';
comment on column v_unclaimed.captured is 'Minor units captured.';
comment on column v_unclaimed.refunded is 'Minor units given back.';
comment on column v_unclaimed.disputed is 'Minor units in disputes that are open or lost.';
comment on column v_unclaimed.updated_at is 'When its row was written.';

create view v_failures as
with failures as (
    select source, event_id, outcome, reason, type, received_at, body_sha256
      from events
     where outcome in ('parked', 'dead')
    union all
    select source, event_id, 'conflict', 'this id is stored with other facts; the first stands', null, received_at,
           body_sha256
      from conflicts)
select f.source, f.event_id, f.outcome, f.reason, f.type, f.received_at, encode(f.body_sha256, 'hex') as body_sha256,
       a.acknowledged_at, a.note
  from failures f
  left join event_acknowledgements a
    on a.event_id = f.event_id and a.source = f.source and a.body_sha256 = f.body_sha256 and a.outcome = f.outcome;
comment on view v_failures is 'What needs a person, or needed one: events that are parked or dead, and bodies in conflict.';
comment on column v_failures.source is 'The configured account of the provider.';
comment on column v_failures.event_id is 'The provider''s id of the event.';
comment on column v_failures.outcome is 'parked, dead or conflict.';
comment on column v_failures.reason is 'Why.';
comment on column v_failures.type is 'The provider''s name for what happened, where it could be read.';
comment on column v_failures.received_at is 'When it arrived.';
comment on column v_failures.body_sha256 is 'The digest of its bytes, in hex.';
comment on column v_failures.acknowledged_at is 'When a person settled it; null if nobody has.';
comment on column v_failures.note is 'How, in the words of who settled it.';
