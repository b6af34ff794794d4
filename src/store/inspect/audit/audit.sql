-- What is stored beside what it was made from, order by order: 1 the order's row, 2 the entries of the payments that
-- belong to it by their claims, 3 payments that no event tells of.
with
  telling as (
    select event_id, source, payment_id, account, kind, basis, reference, amount, currency, order_claim, claim_rank,
           occurred_at
      from events
     where kind is not null or order_claim is not null),
  -- What a person assigned last; a payment's own id undoes.
  assigned as (
    select payment_id, source, order_claim
      from (select payment_id, source, order_claim,
                   row_number() over (partition by payment_id, source order by occurred_at desc, event_id desc) as place
              from telling
             where claim_rank = -32768) claims
     where place = 1 and order_claim <> payment_id),
  named as (
    select payment_id, source, order_claim
      from (select payment_id, source, order_claim,
                   row_number() over (partition by payment_id, source order by claim_rank, occurred_at, event_id) as place
              from telling
             where claim_rank > -32768) claims
     where place = 1)
select 1 as tag, o.order_id, o.source, null as payment_id, null as event_id, null as account, null as kind, null as basis,
       null as reference, cast(null as bigint) as amount, o.currency, null as order_claim,
       cast(null as smallint) as claim_rank, o.first_event_at as at, o.last_event_at as until, null as stored_order,
       null as stored_link, o.status, o.authorized, o.reserved, o.captured, o.refunded, o.disputed, o.lost, o.anomaly,
       cast(o.anomalies as text) as anomalies
  from orders o
union all
select 2, coalesce(a.order_claim, n.order_claim, t.payment_id), t.source, t.payment_id, t.event_id, t.account, t.kind, t.basis,
       t.reference, t.amount, t.currency, t.order_claim, t.claim_rank, t.occurred_at, null, p.order_id, p.link,
       null, null, null, null, null, null, null, null, null
  from telling t
  left join assigned a on a.payment_id = t.payment_id and a.source = t.source
  left join named n on n.payment_id = t.payment_id and n.source = t.source
  left join payments p on p.payment_id = t.payment_id and p.source = t.source
union all
select 3, p.order_id, p.source, p.payment_id, null, null, null, null, null, null, null, null, null, null, null, p.order_id,
       p.link, null, null, null, null, null, null, null, null, null
  from payments p
 where not exists (select 1 from telling t where t.payment_id = p.payment_id and t.source = p.source)
 order by 2, 3, 1, 4
