-- Events are the truth; payments and orders are caches of what they say, kept in the same commit.
-- A check against words is written as `or`: SQLite builds a table anew for each `in` of three words or more, which took a third of
-- the time of storing an event.
-- Times are RFC 3339 in UTC with microseconds (2026-01-31T12:00:00.000000Z): 27 characters, sorted by time.

create table order_version ( -- The last version that was given to an order: a number never comes back.
    one   integer primary key check (one = 1), -- There is one row.
    value integer not null                     -- The number.
) strict;
insert into order_version values (1, 0);

create table events ( -- Every verified event, once, with what was decided and why. Rows are never deleted.
    event_id     text not null constraint events_event_id_length check (length(event_id) between 1 and 255), -- The provider's id; without a readable one the SHA-256 of the body.
    source       text not null constraint events_source_length check (length(source) between 1 and 255), -- The configured account of the provider.
    type         text not null constraint events_type_length check (length(type) <= 255), -- The provider's name for what happened.
    outcome      text not null constraint events_outcome_known check (outcome = 'applied' or outcome = 'restated' or outcome = 'noted' or outcome = 'parked' or outcome = 'dead'), -- What became of it.
    reason       text, -- Why, where the outcome does not say it.
    payment_id   text constraint events_payment_id_length check (length(payment_id) between 1 and 255), -- The provider's payment that it is about.
    account      text constraint events_account_length check (length(account) between 1 and 255), -- The merchant's account at the provider that it is about, where one endpoint serves several.
    kind         text constraint events_kind_known check (kind = 'authorized' or kind = 'captured' or kind = 'capture_failed' or kind = 'failed' or kind = 'canceled' or kind = 'refunded' or kind = 'refund_failed' or kind = 'disputed' or kind = 'dispute_won' or kind = 'dispute_lost'), -- What its fact says happened to money; null if it states none.
    basis        text constraint events_basis_known check (basis = 'own' or basis = 'total' or basis = 'presumed' or basis = 'adjusting' or basis = 'standalone' or basis = 'unreferenced' or basis = 'reversal'), -- How the amount is to be taken.
    reference    text constraint events_reference_length check (length(reference) between 1 and 255), -- The movement of money: events that state one movement share it.
    amount       integer constraint events_amount_not_negative check (amount >= 0), -- Minor units of the currency; null where a failed or canceled fact says nothing of it.
    currency     text constraint events_currency_code check (currency glob '[A-Z][A-Z][A-Z]' or currency glob '[A-Z][A-Z][A-Z][A-Z]'), -- ISO 4217 code.
    order_claim  text constraint events_order_claim_length check (length(order_claim) between 1 and 255), -- The merchant's order that it names for its payment.
    claim_rank   integer, -- The rank of the field that named the order; the smallest wins; a source's own fields rank below 0. -32768: a person assigned it; the latest of these holds.
    occurred_at  text not null constraint events_occurred_at_length check (length(occurred_at) = 27), -- When it happened, by the provider's clock.
    received_at  text not null constraint events_received_at_length check (length(received_at) = 27), -- When the delivery that is stored here arrived.
    duplicates   integer not null default 0 constraint events_duplicates_not_negative check (duplicates >= 0), -- How often it came again, counted about once a second.
    read_by      integer, -- The generation of definitions that read it; null if none did.
    facts_sha256 blob not null constraint events_facts_sha256_length check (length(facts_sha256) = 32), -- The digest of everything that the event says.
    body_sha256  blob not null constraint events_body_sha256_length check (length(body_sha256) = 32), -- The digest of its bytes.
    headers      text not null default '{}' constraint events_headers_json check (json_valid(headers)), -- The headers that the provider's definition reads; never signatures or tokens.
    payload      blob, -- The exact bytes that were verified; null after a purge.
    constraint events_pkey primary key (event_id, source),
    constraint events_fact_whole check ((kind is null) + (basis is null) + (reference is null) in (0, 3)),
    constraint events_amount_whole check ((amount is null) = (currency is null)),
    constraint events_amount_of_fact check (amount is null or kind is not null),
    constraint events_fact_with_amount check (amount is not null or kind is null or kind in ('failed', 'canceled')),
    constraint events_claim_whole check ((order_claim is null) = (claim_rank is null)),
    constraint events_fact_or_claim_of_payment check (payment_id is not null or (kind is null and order_claim is null))
) strict;
create index events_payment on events (payment_id, source);
-- An event stands in one of these two, so that storing it writes one: a purge takes it from the first to the second. A query by
-- arrival says of both halves `payload is (not) null`; no look-up of an event by its id does, and so none is taken through them.
create index events_with_body on events (source, received_at) where payload is not null;
create index events_without_body on events (source, received_at) where payload is null;
create index events_unmapped on events (source, type) where outcome = 'noted' and reason in ('unmapped type', 'unmapped status');
create index events_failed on events (outcome) where outcome in ('parked', 'dead');

create table payments ( -- Which order each payment belongs to: a cache of the claims in events.
    payment_id text not null constraint payments_payment_id_length check (length(payment_id) between 1 and 255), -- The provider's id of the payment.
    source     text not null constraint payments_source_length check (length(source) between 1 and 255), -- The configured account of the provider.
    order_id   text not null constraint payments_order_id_length check (length(order_id) between 1 and 255), -- The order; while no event has named one, the payment's own id.
    link       text not null constraint payments_link_known check (link = 'known' or link = 'provisional' or link = 'assigned'), -- Whether an event named the order, or a person did.
    constraint payments_pkey primary key (payment_id, source)
) strict;
create index payments_order on payments (order_id, source);
create index payments_provisional on payments (payment_id, source) where link = 'provisional';

create table orders ( -- What is being paid for: a cache, the fold of all facts of the order's payments.
    order_id       text not null constraint orders_order_id_length check (length(order_id) between 1 and 255), -- The merchant's id of the order; of a payment that names none, the payment's id.
    source         text not null constraint orders_source_length check (length(source) between 1 and 255), -- The configured account of the provider.
    status         text not null constraint orders_status_known check (status = 'charged_back' or status = 'disputed' or status = 'refunded' or status = 'partially_refunded' or status = 'paid' or status = 'authorized' or status = 'canceled' or status = 'failed' or status = 'pending'), -- Where it stands.
    currency       text constraint orders_currency_code check (currency glob '[A-Z][A-Z][A-Z]' or currency glob '[A-Z][A-Z][A-Z][A-Z]'), -- ISO 4217 code of the amounts; facts in another currency are not summed.
    authorized     integer not null constraint orders_authorized_not_negative check (authorized >= 0), -- Minor units that were ever reserved.
    reserved       integer not null constraint orders_reserved_not_negative check (reserved >= 0), -- Minor units that are reserved now, and may still be captured.
    captured       integer not null constraint orders_captured_not_negative check (captured >= 0), -- Minor units captured, less captures that failed.
    refunded       integer not null constraint orders_refunded_not_negative check (refunded >= 0), -- Minor units given back.
    disputed       integer not null constraint orders_disputed_not_negative check (disputed >= 0), -- Minor units in disputes that are open or lost.
    lost           integer not null constraint orders_lost_not_negative check (lost >= 0), -- Minor units in disputes that are lost. What is held is captured - refunded - lost.
    anomaly        text constraint orders_anomaly_known check (anomaly = 'amount_overflow' or anomaly = 'currency_mismatch' or anomaly = 'account_mismatch' or anomaly = 'refund_exceeds_capture' or anomaly = 'given_back_twice' or anomaly = 'capture_exceeds_authorization' or anomaly = 'failed_after_captured' or anomaly = 'order_mismatch' or anomaly = 'amount_restated'), -- What a person should look at, the first of anomalies; null if nothing.
    anomalies      text not null default '[]' constraint orders_anomalies_json check (json_valid(anomalies)), -- All that a person should look at, each with the sums that say why: [{"anomaly", "detail"}].
    version        integer not null, -- Changes with every write: who decided from another version writes nothing.
    first_event_at text not null constraint orders_first_event_at_length check (length(first_event_at) = 27), -- When the earliest event that tells of its payments happened.
    last_event_at  text not null constraint orders_last_event_at_length check (length(last_event_at) = 27), -- When the latest did.
    updated_at     text not null default (strftime('%Y-%m-%dT%H:%M:%f000Z')) constraint orders_updated_at_length check (length(updated_at) = 27), -- When the row was written.
    constraint orders_pkey primary key (order_id, source),
    constraint orders_events_in_order check (first_event_at <= last_event_at)
) strict;
create index orders_anomalous on orders (order_id, source) where anomaly is not null;

create table conflicts ( -- Bodies that came under the id of a stored event and say something else. The stored event stands.
    event_id    text not null constraint conflicts_event_id_length check (length(event_id) between 1 and 255), -- The id that both share.
    source      text not null constraint conflicts_source_length check (length(source) between 1 and 255), -- The configured account of the provider.
    body_sha256 blob not null constraint conflicts_body_sha256_length check (length(body_sha256) = 32), -- The digest of this body.
    received_at text not null constraint conflicts_received_at_length check (length(received_at) = 27), -- When it first arrived.
    headers     text not null default '{}' constraint conflicts_headers_json check (json_valid(headers)), -- The headers that the provider's definition reads; never signatures or tokens.
    payload     blob, -- The exact bytes that were verified; null after a purge.
    constraint conflicts_pkey primary key (event_id, source, body_sha256)
) strict;

-- Anomalies that a person has settled. They stay in `orders`, where they are folded; what is settled is kept here.
create table acknowledgements ( -- Anomalies that a person has settled: they are not counted any more.
    order_id        text not null constraint acknowledgements_order_id_length check (length(order_id) between 1 and 255), -- The order.
    source          text not null constraint acknowledgements_source_length check (length(source) between 1 and 255), -- The configured account of the provider.
    anomaly         text not null constraint acknowledgements_anomaly_length check (length(anomaly) between 1 and 255), -- What was settled.
    detail          text not null constraint acknowledgements_detail_json check (json_valid(detail)), -- The sums that were settled. If the same anomaly comes to have other sums, it counts again.
    note            text constraint acknowledgements_note_length check (length(note) <= 4000), -- How, in the words of who settled it.
    acknowledged_at text not null constraint acknowledgements_acknowledged_at_length check (length(acknowledged_at) = 27), -- When.
    constraint acknowledgements_pkey primary key (order_id, source, anomaly, detail)
) strict;

-- Events and bodies in conflict that a person has settled. They stay where they are; what is settled is kept here.
create table event_acknowledgements ( -- Parked and dead events and bodies in conflict that a person has settled: they are not counted any more.
    event_id        text not null constraint event_acknowledgements_event_id_length check (length(event_id) between 1 and 255), -- The event.
    source          text not null constraint event_acknowledgements_source_length check (length(source) between 1 and 255), -- The configured account of the provider.
    body_sha256     blob not null constraint event_acknowledgements_body_sha256_length check (length(body_sha256) = 32), -- The digest of the body that was settled. If another body comes in conflict, that one counts.
    outcome         text not null constraint event_acknowledgements_outcome_known check (outcome = 'parked' or outcome = 'dead' or outcome = 'conflict'), -- What was settled: that it is parked, dead, or in conflict.
    note            text constraint event_acknowledgements_note_length check (length(note) <= 4000), -- How, in the words of who settled it.
    acknowledged_at text not null constraint event_acknowledgements_acknowledged_at_length check (length(acknowledged_at) = 27), -- When.
    constraint event_acknowledgements_pkey primary key (event_id, source, body_sha256, outcome)
) strict;
