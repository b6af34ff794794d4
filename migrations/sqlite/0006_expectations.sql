-- What the merchant says an order should cost, and what came of it. `expectations` and `customer_returns` are what was said:
-- rows are added and never changed. `settlements` is a cache of what the payments of the ledger's sources come to against it,
-- kept by the server from the log of changed orders: no webhook waits for it.

create table expectations ( -- What the merchant says an order should cost. Of several the highest revision counts.
    order_id        text not null constraint expectations_order_id_length check (length(order_id) between 1 and 255), -- The merchant's id of the order.
    ledger          text not null constraint expectations_ledger_length check (length(ledger) between 1 and 255), -- The sources that share these order numbers.
    revision        integer not null constraint expectations_revision_not_negative check (revision >= 0), -- The merchant's own count of changes to the order; under one revision the first terms stand.
    amount          integer not null constraint expectations_amount_not_negative check (amount >= 0), -- Minor units of the currency; 0 for a free order.
    currency        text not null constraint expectations_currency_code check (currency glob '[A-Z][A-Z][A-Z]' or currency glob '[A-Z][A-Z][A-Z][A-Z]'), -- ISO 4217 code.
    tolerance_under integer not null default 0 constraint expectations_tolerance_under_not_negative check (tolerance_under >= 0), -- Minor units that may be missing.
    tolerance_over  integer not null default 0 constraint expectations_tolerance_over_not_negative check (tolerance_over >= 0), -- Minor units that may be too much, such as a tip.
    due_at          text constraint expectations_due_at_length check (length(due_at) = 27), -- Unpaid after this moment, a person should look at it; null if it may stay unpaid for ever.
    closed          integer not null default 0 constraint expectations_closed_boolean check (closed in (0, 1)), -- The merchant canceled the order: nothing is due any more.
    stated_at       text not null default (strftime('%Y-%m-%dT%H:%M:%f000Z')) constraint expectations_stated_at_length check (length(stated_at) = 27), -- When it was stated here.
    constraint expectations_pkey primary key (order_id, ledger, revision)
) strict;

create table expectation_conflicts ( -- Other terms that came under a revision that stands.
    order_id  text not null, -- The order.
    ledger    text not null, -- Its ledger.
    revision  integer not null, -- The revision that both share.
    terms     text not null constraint expectation_conflicts_terms_length check (length(terms) <= 1000), -- What came: amount, currency, tolerance_under, tolerance_over, due_at, closed, as a JSON array.
    stated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f000Z')) constraint expectation_conflicts_stated_at_length check (length(stated_at) = 27), -- When it first came.
    constraint expectation_conflicts_pkey primary key (order_id, ledger, revision, terms)
) strict;

create table customer_returns ( -- Customers who came back from the provider: an event of the order is due soon after.
    order_id    text not null constraint customer_returns_order_id_length check (length(order_id) between 1 and 255), -- The order.
    ledger      text not null constraint customer_returns_ledger_length check (length(ledger) between 1 and 255), -- Its ledger.
    returned_at text not null constraint customer_returns_returned_at_length check (length(returned_at) = 27), -- When the customer first came back.
    constraint customer_returns_pkey primary key (order_id, ledger)
) strict;

create table settlements ( -- What came of each expectation: a cache of expectations, customer_returns and events, kept a moment behind them.
    order_id   text not null, -- The order.
    ledger     text not null, -- Its ledger.
    stale      integer not null default 1 constraint settlements_stale_boolean check (stale in (0, 1)), -- What was said of it since is not in here yet.
    marks      integer not null default 0, -- How often something was said of it: who settled it from fewer writes nothing.
    revision   integer, -- The revision of the expectation that counts; null if none was stated.
    settlement text constraint settlements_settlement_known check (settlement = 'unpaid' or settlement = 'underpaid' or settlement = 'settled' or settlement = 'overpaid'), -- What came of it; null if nothing is expected, or it is not settled yet.
    currency   text, -- ISO 4217 code of the amounts: that of the expectation.
    expected   integer not null default 0, -- Minor units that are expected.
    captured   integer not null default 0, -- Minor units captured by all payments of the ledger's sources, less captures that failed.
    refunded   integer not null default 0, -- Minor units given back.
    lost       integer not null default 0, -- Minor units in disputes that are lost.
    held       integer not null default 0, -- The money that is there: captured - refunded - lost.
    due        integer not null default 0, -- Minor units that are missing of the expected ones.
    anomalies  text not null default '[]' constraint settlements_anomalies_json check (json_valid(anomalies)), -- All that a person should look at whatever the time, each with the sums that say why: [{"anomaly", "detail"}].
    unpaid_at  text constraint settlements_unpaid_at_length check (length(unpaid_at) = 27), -- From when on it is an anomaly that nothing was captured; null if it is none.
    updated_at text not null default (strftime('%Y-%m-%dT%H:%M:%f000Z')) constraint settlements_updated_at_length check (length(updated_at) = 27), -- When the row was written.
    constraint settlements_pkey primary key (order_id, ledger)
) strict;
create index settlements_stale on settlements (order_id, ledger) where stale;
create index settlements_anomalous on settlements (order_id, ledger) where anomalies <> '[]' or unpaid_at is not null;
create index settlements_due on settlements (ledger, currency, due) where settlement in ('unpaid', 'underpaid') and due > 0;

create table settlement_progress ( -- One row: how far the log of changed orders is in settlements.
    only_row integer not null constraint settlement_progress_pkey primary key constraint settlement_progress_one check (only_row = 1), -- There is one row.
    position integer not null, -- The last entry of the log that is.
    step     integer not null, -- Rises with every step: of two that took the same one writes.
    ledgers  text not null -- The ledgers and their sources as they were settled; when they change, everything is settled again.
) strict;
insert into settlement_progress (only_row, position, step, ledgers) values (1, 0, 0, '');

create view v_settlement_anomalies as -- What a person should look at: orders that are not paid as the merchant expects.
select s.ledger,                         -- The ledger.
       s.order_id,                       -- The order.
       f.value ->> 'anomaly' as anomaly, -- What it is.
       f.value -> 'detail' as detail,    -- The sums that say why.
       s.currency,                       -- ISO 4217 code of the amounts.
       s.held,                           -- Minor units that are there.
       s.due                             -- Minor units that are missing.
  from settlements s
  join json_each(s.anomalies) f
 where s.anomalies <> '[]'
union all
select s.ledger, s.order_id, 'unpaid', json_object('due', s.due), s.currency, s.held, s.due
  from settlements s
 where s.unpaid_at <= strftime('%Y-%m-%dT%H:%M:%f000Z');
