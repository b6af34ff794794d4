-- Endpoints: where the merchant's application is told which orders changed, and how far each has been told.
--
-- An endpoint is one row with a cursor into `order_changes`. Only an order that it refused while it took others, or that is
-- held back, gets a row of its own: an endpoint that is away costs nothing.

create table endpoints (
    name          text collate "C" not null constraint endpoints_pkey primary key
                  constraint endpoints_name check (length(name) between 1 and 255),
    cursor        bigint not null constraint endpoints_cursor_not_negative check (cursor >= 0),
    epoch         bigint not null constraint endpoints_epoch_positive check (epoch > 0),
    state         text not null constraint endpoints_state_known check (state in ('closed', 'half', 'open', 'paused')),
    since         timestamptz not null,
    failures      bigint not null default 0 constraint endpoints_failures_not_negative check (failures >= 0),
    probe_at      timestamptz,
    error         text constraint endpoints_error_length check (length(error) <= 4096),
    owner         text,
    term          bigint not null default 0,
    lease_until   timestamptz,
    told_at       timestamptz,
    resync_order  text collate "C",
    resync_source text collate "C",
    resync_since  timestamptz,
    constraint endpoints_resync_whole check ((resync_order is null) = (resync_source is null))
) with (fillfactor = 50); -- written once a page, and nothing but the key is indexed: its updates stay in its page

comment on table endpoints is 'Where the merchant''s application is told which orders changed.';
comment on column endpoints.name is 'Its name in the settings.';
comment on column endpoints.cursor is 'The last entry of order_changes up to which everything was told, or has a row in announcement_waits.';
comment on column endpoints.epoch is 'The epoch that it was told of: when another one begins, all orders are told again.';
comment on column endpoints.state is 'closed: it is told. open: it takes nothing, and is tried at probe_at. half: it is being tried. paused: by a person, or by its own answer 410.';
comment on column endpoints.since is 'When the state began.';
comment on column endpoints.failures is 'Attempts in a row that it took nothing of.';
comment on column endpoints.probe_at is 'When it is tried next, while it is open.';
comment on column endpoints.error is 'What came of the latest attempt that failed.';
comment on column endpoints.owner is 'The process that tells it.';
comment on column endpoints.term is 'Rises with every other owner and with every change by a person: who writes by another term writes nothing.';
comment on column endpoints.lease_until is 'Until when nobody else takes it over.';
comment on column endpoints.told_at is 'When it last took something.';
comment on column endpoints.resync_order is 'While all orders are told again, the last one that was; empty before the first.';
comment on column endpoints.resync_source is 'The source of that order.';
comment on column endpoints.resync_since is 'Only orders that were written since then; null for all.';

create table announcement_waits (
    endpoint    text collate "C" not null,
    order_id    text collate "C" not null,
    source      text collate "C" not null,
    reason      text not null constraint announcement_waits_reason_known
                check (reason in ('refused', 'failed', 'slow', 'provisional', 'resend')),
    version     bigint not null,
    attempts    bigint not null constraint announcement_waits_attempts_not_negative check (attempts >= 0),
    due_at      timestamptz not null,
    first_at    timestamptz not null,
    status      bigint,
    error       text constraint announcement_waits_error_length check (length(error) <= 4096),
    given_up_at timestamptz,
    constraint announcement_waits_pkey primary key (endpoint, order_id, source)
);
create index announcement_waits_due on announcement_waits (endpoint, due_at) where given_up_at is null;

comment on table announcement_waits is 'Orders that an endpoint has still to be told of although its cursor has passed them.';
comment on column announcement_waits.endpoint is 'The endpoint''s name.';
comment on column announcement_waits.order_id is 'The order.';
comment on column announcement_waits.source is 'The order''s source.';
comment on column announcement_waits.reason is 'refused: by its answer. failed: there was none. slow: the answer is still awaited. provisional: no event has named the order yet. resend: a person asked for it.';
comment on column announcement_waits.version is 'The latest version that is known to wait; what is told is the order as it is then.';
comment on column announcement_waits.attempts is 'How often it was tried.';
comment on column announcement_waits.due_at is 'When it is tried next.';
comment on column announcement_waits.first_at is 'When it was first tried, or held back.';
comment on column announcement_waits.status is 'The HTTP status of the latest answer, if there was one.';
comment on column announcement_waits.error is 'What came of the latest attempt.';
comment on column announcement_waits.given_up_at is 'When it was given up; a newer change or a resend tries it again.';
