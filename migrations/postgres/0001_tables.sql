-- Events are the truth; payments and orders are caches of what they say, kept in the same commit.
-- Every key leads with the id: without statistics the planner would otherwise take an index by the source alone.
-- Text keys are compared by bytes (COLLATE "C"), which is the order in which every save takes its locks.

create sequence order_version as bigint;
comment on sequence order_version is
    'Versions of orders are drawn from here, so that a number never comes back after a row was deleted.';

create table events (
    event_id     text collate "C" not null constraint events_event_id_length check (length(event_id) between 1 and 255),
    source       text collate "C" not null constraint events_source_length check (length(source) between 1 and 255),
    type         text not null constraint events_type_length check (length(type) <= 255),
    outcome      text not null constraint events_outcome_known check (outcome in ('applied', 'restated', 'noted', 'parked', 'dead')),
    reason       text,
    payment_id   text collate "C" constraint events_payment_id_length check (length(payment_id) between 1 and 255),
    account      text collate "C" constraint events_account_length check (length(account) between 1 and 255),
    kind         text constraint events_kind_known check (kind in
                     ('authorized', 'captured', 'capture_failed', 'failed', 'canceled', 'refunded', 'refund_failed',
                      'disputed', 'dispute_won', 'dispute_lost')),
    basis        text constraint events_basis_known check (basis in
                     ('own', 'total', 'presumed', 'adjusting', 'standalone', 'unreferenced', 'reversal')),
    reference    text collate "C" constraint events_reference_length check (length(reference) between 1 and 255),
    amount       bigint constraint events_amount_not_negative check (amount >= 0),
    currency     text constraint events_currency_code check (currency ~ '^[A-Z]{3,4}$'),
    order_claim  text collate "C" constraint events_order_claim_length check (length(order_claim) between 1 and 255),
    claim_rank   smallint,
    occurred_at  timestamptz not null,
    received_at  timestamptz not null,
    duplicates   bigint not null default 0 constraint events_duplicates_not_negative check (duplicates >= 0),
    read_by      smallint,
    facts_sha256 bytea not null constraint events_facts_sha256_length check (length(facts_sha256) = 32),
    body_sha256  bytea not null constraint events_body_sha256_length check (length(body_sha256) = 32),
    headers      jsonb not null default '{}',
    payload      bytea,
    constraint events_pkey primary key (event_id, source),
    constraint events_fact_whole check (num_nulls(kind, basis, reference) in (0, 3)),
    constraint events_amount_whole check (num_nulls(amount, currency) in (0, 2)),
    constraint events_amount_of_fact check (amount is null or kind is not null),
    constraint events_fact_with_amount check (amount is not null or kind is null or kind in ('failed', 'canceled')),
    constraint events_claim_whole check (num_nulls(order_claim, claim_rank) in (0, 2)),
    constraint events_fact_or_claim_of_payment check (payment_id is not null or (kind is null and order_claim is null))
);
create index events_payment on events (payment_id, source);
create index events_unmapped on events (source, type) where outcome = 'noted' and reason in ('unmapped type', 'unmapped status');
create index events_failed on events (outcome) where outcome in ('parked', 'dead');

comment on table events is 'Every verified event, once, with what was decided and why. Rows are never deleted.';
comment on column events.event_id is 'The provider''s id of the event; for an event without a readable one the SHA-256 of its body.';
comment on column events.source is 'The configured account of the provider that it came from.';
comment on column events.type is 'The provider''s name for what happened.';
comment on column events.outcome is
    'applied: money or a link changed. restated: nothing new. noted: no money meaning. parked: payment, amount or currency missing. dead: unreadable.';
comment on column events.reason is 'Why, where the outcome does not say it.';
comment on column events.payment_id is 'The provider''s payment that it is about.';
comment on column events.account is 'The merchant''s account at the provider that it is about, where one endpoint serves several.';
comment on column events.kind is 'What its fact says happened to money; null if it states none.';
comment on column events.basis is
    'own: the amount of its reference alone. total: what its reference comes to so far. presumed: an authorization that is captured unless more is told. adjusting: what an authorization is changed to. standalone: an authorization whose captures are payments of their own. unreferenced: taken off, its message names no movement. reversal: a dispute may tell it too.';
comment on column events.reference is 'The movement of money: events that state one movement share it.';
comment on column events.amount is 'Minor units of the currency; null where a failed or canceled fact says nothing of it.';
comment on column events.currency is 'ISO 4217 code.';
comment on column events.order_claim is 'The merchant''s order that it names for its payment.';
comment on column events.claim_rank is
    'The rank of the field that named the order; the smallest wins; a source''s own fields rank below 0. -32768: a person assigned it; the latest of these holds.';
comment on column events.occurred_at is 'When it happened, by the provider''s clock.';
comment on column events.received_at is 'When the delivery that is stored here arrived.';
comment on column events.duplicates is 'How often it came again, counted about once a second.';
comment on column events.read_by is 'The generation of definitions that read it; null if none did.';
comment on column events.facts_sha256 is 'The digest of everything that the event says.';
comment on column events.body_sha256 is 'The digest of its bytes.';
comment on column events.headers is 'The headers that the provider''s definition reads; never signatures or tokens.';
comment on column events.payload is 'The exact bytes that were verified; null after a purge.';
comment on index events_payment is 'The events of a payment, folded together.';
comment on index events_unmapped is 'Types that nobody decided what they mean.';
comment on index events_failed is 'Counts and lists what needs a person.';

create table payments (
    payment_id text collate "C" not null constraint payments_payment_id_length check (length(payment_id) between 1 and 255),
    source     text collate "C" not null constraint payments_source_length check (length(source) between 1 and 255),
    order_id   text collate "C" not null constraint payments_order_id_length check (length(order_id) between 1 and 255),
    link       text not null constraint payments_link_known check (link in ('known', 'provisional', 'assigned')),
    constraint payments_pkey primary key (payment_id, source)
);
create index payments_order on payments (order_id, source);
create index payments_provisional on payments (payment_id, source) where link = 'provisional';

comment on table payments is 'Which order each payment belongs to: a cache of the claims in events.';
comment on column payments.payment_id is 'The provider''s id of the payment.';
comment on column payments.source is 'The configured account of the provider.';
comment on column payments.order_id is 'The order; while no event has named one, the payment''s own id.';
comment on column payments.link is 'known: an event named the order. provisional: none has. assigned: a person did.';
comment on index payments_provisional is 'Counts and lists the payments that no event has named an order for.';
comment on index payments_order is 'The payments of an order, folded together.';

create table orders (
    order_id       text collate "C" not null constraint orders_order_id_length check (length(order_id) between 1 and 255),
    source         text collate "C" not null constraint orders_source_length check (length(source) between 1 and 255),
    status         text not null constraint orders_status_known check (status in
                       ('charged_back', 'disputed', 'refunded', 'partially_refunded', 'paid', 'authorized', 'canceled',
                        'failed', 'pending')),
    currency       text constraint orders_currency_code check (currency ~ '^[A-Z]{3,4}$'),
    authorized     bigint not null constraint orders_authorized_not_negative check (authorized >= 0),
    reserved       bigint not null constraint orders_reserved_not_negative check (reserved >= 0),
    captured       bigint not null constraint orders_captured_not_negative check (captured >= 0),
    refunded       bigint not null constraint orders_refunded_not_negative check (refunded >= 0),
    disputed       bigint not null constraint orders_disputed_not_negative check (disputed >= 0),
    lost           bigint not null constraint orders_lost_not_negative check (lost >= 0),
    anomaly        text constraint orders_anomaly_known check (anomaly in
                       ('amount_overflow', 'currency_mismatch', 'account_mismatch', 'refund_exceeds_capture',
                        'given_back_twice', 'capture_exceeds_authorization', 'failed_after_captured', 'order_mismatch',
                        'amount_restated')),
    anomalies      jsonb not null default '[]',
    version        bigint not null,
    first_event_at timestamptz not null,
    last_event_at  timestamptz not null,
    updated_at     timestamptz not null default now(),
    constraint orders_pkey primary key (order_id, source),
    constraint orders_events_in_order check (first_event_at <= last_event_at)
) with (fillfactor = 80); -- Room for the next version of a row on its page: an update then touches no index.
create index orders_anomalous on orders (order_id, source) where anomaly is not null;

comment on table orders is 'What is being paid for: a cache, the fold of all facts of the order''s payments.';
comment on column orders.order_id is 'The merchant''s id of the order; of a payment that names none, the payment''s id.';
comment on column orders.source is 'The configured account of the provider.';
comment on column orders.status is 'Where it stands; paid means that something was captured, the amounts say how much.';
comment on column orders.currency is 'ISO 4217 code of the amounts; facts in another currency are not summed.';
comment on column orders.authorized is 'Minor units that were ever reserved.';
comment on column orders.reserved is 'Minor units that are reserved now, and may still be captured.';
comment on column orders.captured is 'Minor units captured, less captures that failed.';
comment on column orders.refunded is 'Minor units given back.';
comment on column orders.disputed is 'Minor units in disputes that are open or lost.';
comment on column orders.lost is 'Minor units in disputes that are lost. What is held is captured - refunded - lost.';
comment on column orders.anomaly is 'What a person should look at, the first of anomalies; null if nothing.';
comment on column orders.anomalies is 'All that a person should look at, each with the sums that say why: [{"anomaly", "detail"}].';
comment on column orders.version is 'Changes with every write: who decided from another version writes nothing.';
comment on column orders.first_event_at is 'When the earliest event that tells of its payments happened.';
comment on column orders.last_event_at is 'When the latest did.';
comment on column orders.updated_at is 'When the row was written.';
comment on index orders_anomalous is 'Counts and lists the orders that need a person.';

create table conflicts (
    event_id    text collate "C" not null constraint conflicts_event_id_length check (length(event_id) between 1 and 255),
    source      text collate "C" not null constraint conflicts_source_length check (length(source) between 1 and 255),
    body_sha256 bytea not null constraint conflicts_body_sha256_length check (length(body_sha256) = 32),
    received_at timestamptz not null,
    headers     jsonb not null default '{}',
    payload     bytea,
    constraint conflicts_pkey primary key (event_id, source, body_sha256)
);

comment on table conflicts is 'Bodies that came under the id of a stored event and say something else. The stored event stands.';
comment on column conflicts.event_id is 'The id that both share.';
comment on column conflicts.source is 'The configured account of the provider.';
comment on column conflicts.body_sha256 is 'The digest of this body.';
comment on column conflicts.received_at is 'When it first arrived.';
comment on column conflicts.headers is 'The headers that the provider''s definition reads; never signatures or tokens.';
comment on column conflicts.payload is 'The exact bytes that were verified; null after a purge.';

-- Anomalies that a person has settled. They stay in `orders`, where they are folded; what is settled is kept here.
create table acknowledgements (
    order_id        text collate "C" not null constraint acknowledgements_order_id_length check (length(order_id) between 1 and 255),
    source          text collate "C" not null constraint acknowledgements_source_length check (length(source) between 1 and 255),
    anomaly         text collate "C" not null constraint acknowledgements_anomaly_length check (length(anomaly) between 1 and 255),
    detail          jsonb not null,
    note            text constraint acknowledgements_note_length check (length(note) <= 4000),
    acknowledged_at timestamptz not null,
    constraint acknowledgements_pkey primary key (order_id, source, anomaly, detail)
);
comment on table acknowledgements is 'Anomalies that a person has settled: they are not counted any more.';
comment on column acknowledgements.order_id is 'The order.';
comment on column acknowledgements.source is 'The configured account of the provider.';
comment on column acknowledgements.anomaly is 'What was settled.';
comment on column acknowledgements.detail is 'The sums that were settled. If the same anomaly comes to have other sums, it counts again.';
comment on column acknowledgements.note is 'How, in the words of who settled it.';
comment on column acknowledgements.acknowledged_at is 'When.';

-- Events and bodies in conflict that a person has settled. They stay where they are; what is settled is kept here.
create table event_acknowledgements (
    event_id        text collate "C" not null constraint event_acknowledgements_event_id_length check (length(event_id) between 1 and 255),
    source          text collate "C" not null constraint event_acknowledgements_source_length check (length(source) between 1 and 255),
    body_sha256     bytea not null constraint event_acknowledgements_body_sha256_length check (length(body_sha256) = 32),
    outcome         text collate "C" not null constraint event_acknowledgements_outcome_known check (outcome in ('parked', 'dead', 'conflict')),
    note            text constraint event_acknowledgements_note_length check (length(note) <= 4000),
    acknowledged_at timestamptz not null,
    constraint event_acknowledgements_pkey primary key (event_id, source, body_sha256, outcome)
);
comment on table event_acknowledgements is 'Parked and dead events and bodies in conflict that a person has settled: they are not counted any more.';
comment on column event_acknowledgements.event_id is 'The event.';
comment on column event_acknowledgements.source is 'The configured account of the provider.';
comment on column event_acknowledgements.body_sha256 is 'The digest of the body that was settled. If another body comes in conflict, that one counts.';
comment on column event_acknowledgements.outcome is 'What was settled: that it is parked, dead, or in conflict.';
comment on column event_acknowledgements.note is 'How, in the words of who settled it.';
comment on column event_acknowledgements.acknowledged_at is 'When.';

-- Compressing a body of some KB by pglz costs more than the rest of its insert. lz4 is there since Postgres 14, where the
-- server was built with it; elsewhere pglz stays.
do $$
begin
    execute 'alter table events alter column payload set compression lz4';
    execute 'alter table conflicts alter column payload set compression lz4';
exception when syntax_error or feature_not_supported or invalid_parameter_value then
    null;
end $$;
