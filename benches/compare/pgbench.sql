-- One event a transaction with the rows that Paylatch writes: no load, no fold, no check of anything but the keys.
\set random random(0, 9223372036854775806)
with own as (
    select to_hex(extract(epoch from now())::bigint) || 'KoUZkBbJ' || to_hex(:random::bigint) as id,
           to_hex(:random::bigint) as random),
e as (
    insert into events (event_id, source, type, outcome, payment_id, kind, basis, reference, amount, currency, order_claim,
                        claim_rank, occurred_at, received_at, facts_sha256, body_sha256, headers, payload)
    select 'evt_' || id, 'stripe', 'payment_intent.succeeded', 'applied', 'pi_' || id, 'captured', 'own', 'pi_' || id, 4999, 'EUR',
           'ord_' || random, 0, now(), now(), '{digest}', '{digest}', '{{}}', '{payload}' from own returning 1),
p as (
    insert into payments (payment_id, source, order_id, link)
    select 'pi_' || id, 'stripe', 'ord_' || random, 'known' from own returning 1),
o as (
    insert into orders (order_id, source, status, currency, authorized, reserved, captured, refunded, disputed, lost, version, first_event_at, last_event_at)
    select 'ord_' || random, 'stripe', 'paid', 'EUR', 0, 0, 4999, 0, 0, 0, nextval('order_version'), now(), now() from own returning 1)
select (select count(*) from e) + (select count(*) from p) + (select count(*) from o);
