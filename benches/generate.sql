-- Many stored events in little time, as `serve` would have stored them: `paylatch audit` finds nothing.
--
--   psql "$DATABASE_URL" -v payments=1000000 -v source=stripe -f benches/generate.sql
--
-- A database of its own, migrated. Each payment is captured for its order; every tenth has a refund beside it, so there are 1.1
-- events to a payment, over the 30 days before now. What was generated before is left: numbers go on behind it.
\set ON_ERROR_STOP on
set synchronous_commit = off;
set maintenance_work_mem = '512MB';

create temp table made as
select n, 'pi_made_' || lpad(n::text, 12, '0') as payment_id, 'made-' || n as order_id, 1000 + n % 50000 as amount,
       case when n % 10 = 0 then 1 + n % 900 end as refund,
       date_trunc('second', now()) - interval '30 days' + n * interval '30 days' / (:payments + 1) as at
  from generate_series((select count(*) from payments) + 1, (select count(*) from payments) + :payments) n;

insert into events (event_id, source, type, outcome, payment_id, account, kind, basis, reference, amount, currency, order_claim,
                    claim_rank, occurred_at, received_at, read_by, facts_sha256, body_sha256, payload)
select 'evt_made_' || n, :'source', 'payment_intent.succeeded', 'applied', payment_id, 'own', 'captured', 'total', payment_id, amount,
       'USD', order_id, 0, at, at + interval '1 second', 1, sha256(payment_id::bytea), sha256(order_id::bytea),
       convert_to(format('{"id":"evt_made_%s"}', n), 'UTF8')
  from made;
insert into events (event_id, source, type, outcome, payment_id, account, kind, basis, reference, amount, currency, occurred_at,
                    received_at, read_by, facts_sha256, body_sha256, payload)
select 'evt_made_refund_' || n, :'source', 'refund.created', 'applied', payment_id, 'own', 'refunded', 'own', 're_made_' || n, refund,
       'USD', at + interval '1 hour', at + interval '1 hour', 1, sha256(payment_id::bytea), sha256(order_id::bytea),
       convert_to(format('{"id":"evt_made_refund_%s"}', n), 'UTF8')
  from made where refund is not null;
insert into payments (payment_id, source, order_id, link) select payment_id, :'source', order_id, 'known' from made;
insert into orders (order_id, source, status, currency, authorized, reserved, captured, refunded, disputed, lost, version,
                    first_event_at, last_event_at)
select order_id, :'source', case when refund is null then 'paid' else 'partially_refunded' end, 'USD', 0, 0, amount,
       coalesce(refund, 0), 0, 0, nextval('order_version'), at, case when refund is null then at else at + interval '1 hour' end
  from made;
analyze events, payments, orders;
