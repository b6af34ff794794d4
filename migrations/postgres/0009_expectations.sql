-- What the merchant says an order should cost, and what came of it. `expectations` and `customer_returns` are what was said:
-- rows are added and never changed. `settlements` is a cache of what the payments of the ledger's sources come to against it,
-- kept by the server from the log of changed orders: no webhook waits for it.

create table expectations (
    order_id        text collate "C" not null constraint expectations_order_id_length check (length(order_id) between 1 and 255),
    ledger          text collate "C" not null constraint expectations_ledger_length check (length(ledger) between 1 and 255),
    revision        bigint not null constraint expectations_revision_not_negative check (revision >= 0),
    amount          bigint not null constraint expectations_amount_not_negative check (amount >= 0),
    currency        text not null constraint expectations_currency_code check (currency ~ '^[A-Z]{3,4}$'),
    tolerance_under bigint not null default 0 constraint expectations_tolerance_under_not_negative check (tolerance_under >= 0),
    tolerance_over  bigint not null default 0 constraint expectations_tolerance_over_not_negative check (tolerance_over >= 0),
    due_at          timestamptz,
    closed          boolean not null default false,
    stated_at       timestamptz not null default now(),
    constraint expectations_pkey primary key (order_id, ledger, revision)
);
comment on table expectations is 'What the merchant says an order should cost. Of several the highest revision counts.';
comment on column expectations.order_id is 'The merchant''s id of the order.';
comment on column expectations.ledger is 'The sources that share these order numbers.';
comment on column expectations.revision is 'The merchant''s own count of changes to the order; under one revision the first terms stand.';
comment on column expectations.amount is 'Minor units of the currency; 0 for a free order.';
comment on column expectations.currency is 'ISO 4217 code.';
comment on column expectations.tolerance_under is 'Minor units that may be missing.';
comment on column expectations.tolerance_over is 'Minor units that may be too much, such as a tip.';
comment on column expectations.due_at is 'Unpaid after this moment, a person should look at it; null if it may stay unpaid for ever.';
comment on column expectations.closed is 'The merchant canceled the order: nothing is due any more.';
comment on column expectations.stated_at is 'When it was stated here.';

create table expectation_conflicts (
    order_id  text collate "C" not null,
    ledger    text collate "C" not null,
    revision  bigint not null,
    terms     text collate "C" not null constraint expectation_conflicts_terms_length check (length(terms) <= 1000),
    stated_at timestamptz not null default now(),
    constraint expectation_conflicts_pkey primary key (order_id, ledger, revision, terms)
);
comment on table expectation_conflicts is 'Other terms that came under a revision that stands.';
comment on column expectation_conflicts.order_id is 'The order.';
comment on column expectation_conflicts.ledger is 'Its ledger.';
comment on column expectation_conflicts.revision is 'The revision that both share.';
comment on column expectation_conflicts.terms is 'What came: amount, currency, tolerance_under, tolerance_over, due_at, closed, as a JSON array.';
comment on column expectation_conflicts.stated_at is 'When it first came.';

create table customer_returns (
    order_id    text collate "C" not null constraint customer_returns_order_id_length check (length(order_id) between 1 and 255),
    ledger      text collate "C" not null constraint customer_returns_ledger_length check (length(ledger) between 1 and 255),
    returned_at timestamptz not null,
    constraint customer_returns_pkey primary key (order_id, ledger)
);
comment on table customer_returns is 'Customers who came back from the provider: an event of the order is due soon after.';
comment on column customer_returns.order_id is 'The order.';
comment on column customer_returns.ledger is 'Its ledger.';
comment on column customer_returns.returned_at is 'When the customer first came back.';

create table settlements (
    order_id   text collate "C" not null,
    ledger     text collate "C" not null,
    stale      boolean not null default true,
    marks      bigint not null default 0,
    revision   bigint,
    settlement text constraint settlements_settlement_known check (settlement in ('unpaid', 'underpaid', 'settled', 'overpaid')),
    currency   text,
    expected   bigint not null default 0,
    captured   bigint not null default 0,
    refunded   bigint not null default 0,
    lost       bigint not null default 0,
    held       bigint not null default 0,
    due        bigint not null default 0,
    anomalies  jsonb not null default '[]',
    unpaid_at  timestamptz,
    updated_at timestamptz not null default now(),
    constraint settlements_pkey primary key (order_id, ledger)
) with (fillfactor = 80);
create index settlements_stale on settlements (order_id, ledger) where stale;
create index settlements_anomalous on settlements (order_id, ledger) where anomalies <> '[]' or unpaid_at is not null;
create index settlements_due on settlements (ledger, currency) include (due) where settlement in ('unpaid', 'underpaid') and due > 0;
comment on table settlements is 'What came of each expectation: a cache of expectations, customer_returns and events, kept a moment behind them.';
comment on column settlements.order_id is 'The order.';
comment on column settlements.ledger is 'Its ledger.';
comment on column settlements.stale is 'What was said of it since is not in here yet.';
comment on column settlements.marks is 'How often something was said of it: who settled it from fewer writes nothing.';
comment on column settlements.revision is 'The revision of the expectation that counts; null if none was stated.';
comment on column settlements.settlement is 'What came of it; null if nothing is expected, or it is not settled yet.';
comment on column settlements.currency is 'ISO 4217 code of the amounts: that of the expectation.';
comment on column settlements.expected is 'Minor units that are expected.';
comment on column settlements.captured is 'Minor units captured by all payments of the ledger''s sources, less captures that failed.';
comment on column settlements.refunded is 'Minor units given back.';
comment on column settlements.lost is 'Minor units in disputes that are lost.';
comment on column settlements.held is 'The money that is there: captured - refunded - lost.';
comment on column settlements.due is 'Minor units that are missing of the expected ones.';
comment on column settlements.anomalies is 'All that a person should look at whatever the time, each with the sums that say why: [{"anomaly", "detail"}].';
comment on column settlements.unpaid_at is 'From when on it is an anomaly that nothing was captured; null if it is none.';
comment on column settlements.updated_at is 'When the row was written.';
comment on index settlements_stale is 'What is settled next.';
comment on index settlements_anomalous is 'Counts and lists what needs a person.';
comment on index settlements_due is 'Sums what is missing.';

create table settlement_progress (
    only_row boolean not null default true constraint settlement_progress_pkey primary key constraint settlement_progress_one check (only_row),
    position bigint not null,
    step     bigint not null,
    ledgers  text not null
);
comment on table settlement_progress is 'One row: how far the log of changed orders is in settlements.';
comment on column settlement_progress.only_row is 'There is one row.';
comment on column settlement_progress.position is 'The last entry of the log that is.';
comment on column settlement_progress.step is 'Rises with every step: of two servers that took the same one writes.';
comment on column settlement_progress.ledgers is 'The ledgers and their sources as they were settled; when they change, everything is settled again.';
insert into settlement_progress (position, step, ledgers) values (0, 0, '');

create view v_settlement_anomalies as
select s.ledger, s.order_id, f.finding ->> 'anomaly' as anomaly, f.finding -> 'detail' as detail, s.currency, s.held, s.due
  from settlements s
 cross join lateral jsonb_array_elements(s.anomalies) as f (finding)
 where s.anomalies <> '[]'
union all
select s.ledger, s.order_id, 'unpaid', jsonb_build_object('due', s.due), s.currency, s.held, s.due
  from settlements s
 where s.unpaid_at <= now();
comment on view v_settlement_anomalies is 'What a person should look at: orders that are not paid as the merchant expects.';
comment on column v_settlement_anomalies.ledger is 'The ledger.';
comment on column v_settlement_anomalies.order_id is 'The order.';
comment on column v_settlement_anomalies.anomaly is 'What it is.';
comment on column v_settlement_anomalies.detail is 'The sums that say why.';
comment on column v_settlement_anomalies.currency is 'ISO 4217 code of the amounts.';
comment on column v_settlement_anomalies.held is 'Minor units that are there.';
comment on column v_settlement_anomalies.due is 'Minor units that are missing.';
