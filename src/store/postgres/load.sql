-- Everything that a batch touches, in one statement and so in one snapshot. Rows are tagged: 1 a known event,
-- 2 a payment with one of its entries (a fact or a claim) or with none, 3 an order's version. Of an order with at least $7 of such
-- rows only so many are given: who reads them leaves all of it out. $7 null: all are given.
-- $1, $2 the batch's events; $3, $4 its payments; $5, $6 the orders that its claims name, and the payment's id of events that claim none.
-- They are counted by who reads them: a window, or a second look, costs an order of some thousand payments a fifth more.
with
  known as (
    select e.event_id, e.source, e.outcome, e.reason, e.facts_sha256, e.body_sha256, e.received_at,
           (e.payload is null)::int::int8 as is_purged
      from unnest($1::text[], $2::text[]) k (id, source)
      join events e on e.event_id = k.id and e.source = k.source),
  named as materialized (
    select p.payment_id, p.source, p.order_id, p.link
      from unnest($3::text[], $4::text[]) k (id, source)
      join payments p on p.payment_id = k.id and p.source = k.source),
  touched as materialized (
    select order_id, source from named
    union
    select id, source from unnest($5::text[], $6::text[]) k (id, source))
select 1 as tag, event_id as id, source, null::text as payment, null::text as link, null::text as linked_order,
       outcome as word, reason as text, is_purged as number, null::text as currency, null::text as account, null::text as basis,
       null::text as claimed_order, null::int2 as rank, received_at as at, facts_sha256 as facts, body_sha256 as body
  from known
union all
select 2, m.event_id, t.source, m.payment_id, m.link, t.order_id, m.kind, m.reference, m.amount, m.currency, m.account, m.basis,
       m.order_claim, m.claim_rank, m.occurred_at, null, null
  from touched t
 cross join lateral (
   select p.payment_id, p.link, e.event_id, e.kind, e.reference, e.amount, e.currency, e.account, e.basis, e.order_claim,
          e.claim_rank, e.occurred_at
     from payments p
     left join events e on e.payment_id = p.payment_id and e.source = p.source
                       and (e.kind is not null or e.order_claim is not null)
    where p.order_id = t.order_id and p.source = t.source
    limit $7::int8) m
union all
select 3, o.order_id, o.source, null, null, null, null, null, o.version, null, null, null, null, null, null, null, null
  from touched t
  join orders o on o.order_id = t.order_id and o.source = t.source
union all
-- Once more, for those that are not among the rows of a large order.
select 2, null, source, payment_id, link, order_id, null, null, null, null, null, null, null, null, null, null, null
  from named
