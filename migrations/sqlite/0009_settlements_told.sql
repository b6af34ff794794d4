-- Settlements are announced as orders are: with a version of the same count, and a log beside that of the orders which shares
-- its numbers. Who settles writes it, in the transaction that settles.

alter table settlements add column version integer not null default 0; -- Rises when anything changes that is told: of the count of the orders' versions.
with numbered as (select order_id, ledger, row_number() over (order by order_id, ledger) as place from settlements)
update settlements set version = (select value from order_version) + numbered.place
  from numbered where numbered.order_id = settlements.order_id and numbered.ledger = settlements.ledger;
update order_version set value = max(value, coalesce((select max(version) from settlements), 0));

create table settlement_changes ( -- Settlements that changed, one row for up to 256 of one step. Its numbers are those of order_changes: none is in both.
    change    integer not null constraint settlement_changes_pkey primary key, -- Its number. An entry's position is this times 256 plus its place in the arrays, from 0.
    at        text not null default (strftime('%Y-%m-%dT%H:%M:%f000Z')) constraint settlement_changes_at_length check (length(at) = 27), -- When they changed.
    order_ids text not null constraint settlement_changes_order_ids_json check (json_type(order_ids) = 'array'), -- The orders.
    ledgers   text not null constraint settlement_changes_ledgers_json check (json_type(ledgers) = 'array'), -- The ledger of each.
    versions  text not null constraint settlement_changes_versions_json check (json_type(versions) = 'array') -- The version that each was given.
) strict;
create index settlement_changes_at on settlement_changes (at);

alter table announcement_waits rename to announcement_waits_of_orders;
create table announcement_waits ( -- Orders and settlements that an endpoint has still to be told of although its cursor has passed them.
    endpoint    text not null, -- The endpoint's name.
    order_id    text not null, -- The order.
    source      text not null, -- The order's source; empty where its settlement waits.
    ledger      text not null default '', -- The ledger whose settlement of the order waits; else empty.
    reason      text not null constraint announcement_waits_reason_known check (reason in ('refused', 'failed', 'slow', 'provisional', 'resend')), -- refused: by its answer. failed: there was none. slow: the answer is still awaited. provisional: no event has named the order yet. resend: a person asked for it.
    version     integer not null, -- The latest version that is known to wait; what is told is the order as it is then.
    attempts    integer not null constraint announcement_waits_attempts_not_negative check (attempts >= 0), -- How often it was tried.
    due_at      text not null constraint announcement_waits_due_at_length check (length(due_at) = 27), -- When it is tried next.
    first_at    text not null constraint announcement_waits_first_at_length check (length(first_at) = 27), -- When it was first tried, or held back.
    status      integer, -- The HTTP status of the latest answer, if there was one.
    error       text constraint announcement_waits_error_length check (length(error) <= 4096), -- What came of the latest attempt.
    given_up_at text constraint announcement_waits_given_up_at_length check (length(given_up_at) = 27), -- When it was given up; a newer change or a resend tries it again.
    constraint announcement_waits_pkey primary key (endpoint, order_id, source, ledger),
    constraint announcement_waits_of_one check ((source = '') <> (ledger = ''))
) strict, without rowid;
insert into announcement_waits (endpoint, order_id, source, reason, version, attempts, due_at, first_at, status, error, given_up_at)
select endpoint, order_id, source, reason, version, attempts, due_at, first_at, status, error, given_up_at from announcement_waits_of_orders;
drop table announcement_waits_of_orders;
create index announcement_waits_due on announcement_waits (endpoint, due_at) where given_up_at is null;

alter table endpoints add column resync_ledger text; -- While all settlements are told again, which is after all orders, the ledger of the last one that was; empty before the first.
