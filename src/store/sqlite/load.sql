-- Everything that a batch touches, in one statement and so in one snapshot. Rows are tagged: 1 a known event,
-- 2 a payment with one of its entries (a fact or a claim) or with none, 3 an order's version, 4 an order with at least ?4 of
-- such rows, none of which is given but those of
-- the batch's own payments, without entries: so much of it is not read at once. ?4 below 0: all are given.
-- Cross joins keep the order of the lookups.
-- ?1 the batch's events; ?2 its payments; ?3 the orders that its claims name, and the payment's id of events that claim none: [[id, source], ..].
with
  known as (
    select e.event_id, e.source, e.outcome, e.reason, e.facts_sha256, e.body_sha256, e.received_at,
           e.payload is null as is_purged
      from json_each(?1) k
      cross join events e on e.event_id = k.value ->> 0 and e.source = k.value ->> 1),
  touched as materialized (
    select p.order_id, p.source
      from json_each(?2) k
      cross join payments p on p.payment_id = k.value ->> 0 and p.source = k.value ->> 1
    union
    select value ->> 0, value ->> 1 from json_each(?3)),
  large as materialized (
    select t.order_id, t.source
      from touched t
     where ?4 > 0 and ?4 <= (
       select count(*)
         from (select 1
                 from payments p
                 left join events e on e.payment_id = p.payment_id and e.source = p.source
                                   and (e.kind is not null or e.order_claim is not null)
                where p.order_id = t.order_id and p.source = t.source
                limit ?4))),
  members as materialized (
    select p.payment_id, p.source, p.order_id, p.link
      from touched t
      cross join payments p on p.order_id = t.order_id and p.source = t.source
     where (t.order_id, t.source) not in (select order_id, source from large))
select 1 as tag, event_id as id, source, null as payment, null as link, null as linked_order,
       outcome as word, reason as text, is_purged as number, null as currency, null as account, null as basis,
       null as claimed_order, null as rank, received_at as at, facts_sha256 as facts, body_sha256 as body
  from known
union all
select 2, e.event_id, m.source, m.payment_id, m.link, m.order_id, e.kind, e.reference, e.amount, e.currency, e.account,
       e.basis, e.order_claim, e.claim_rank, e.occurred_at, null, null
  from members m
  left join events e on e.payment_id = m.payment_id and e.source = m.source
                    and (e.kind is not null or e.order_claim is not null)
union all
select 3, o.order_id, o.source, null, null, null, null, null, o.version, null, null, null, null, null, null, null, null
  from touched t
  cross join orders o on o.order_id = t.order_id and o.source = t.source
union all
select 4, l.order_id, l.source, null, null, null, null, null, null, null, null, null, null, null, null, null, null
  from large l
union all
select 2, null, p.source, p.payment_id, p.link, p.order_id, null, null, null, null, null, null, null, null, null, null, null
  from json_each(?2) k
  cross join payments p on p.payment_id = k.value ->> 0 and p.source = k.value ->> 1
  join large l on l.order_id = p.order_id and l.source = p.source
