-- Endpoints: where the merchant's application is told which orders changed, and how far each has been told.
--
-- An endpoint is one row with a cursor into `order_changes`. Only an order that it refused while it took others, or that is
-- held back, gets a row of its own: an endpoint that is away costs nothing.

create table endpoints ( -- Where the merchant's application is told which orders changed.
    name          text not null constraint endpoints_pkey primary key constraint endpoints_name check (length(name) between 1 and 255), -- Its name in the settings.
    cursor        integer not null constraint endpoints_cursor_not_negative check (cursor >= 0), -- The last entry of order_changes up to which everything was told, or has a row in announcement_waits.
    epoch         integer not null constraint endpoints_epoch_positive check (epoch > 0), -- The epoch that it was told of: when another one begins, all orders are told again.
    state         text not null constraint endpoints_state_known check (state = 'closed' or state = 'half' or state = 'open' or state = 'paused'), -- closed: it is told. open: it takes nothing, and is tried at probe_at. half: it is being tried. paused: by a person, or by its own answer 410.
    since         text not null constraint endpoints_since_length check (length(since) = 27), -- When the state began.
    failures      integer not null default 0 constraint endpoints_failures_not_negative check (failures >= 0), -- Attempts in a row that it took nothing of.
    probe_at      text constraint endpoints_probe_at_length check (length(probe_at) = 27), -- When it is tried next, while it is open.
    error         text constraint endpoints_error_length check (length(error) <= 4096), -- What came of the latest attempt that failed.
    owner         text, -- The process that tells it.
    term          integer not null default 0, -- Rises with every other owner and with every change by a person: who writes by another term writes nothing.
    lease_until   text constraint endpoints_lease_until_length check (length(lease_until) = 27), -- Until when nobody else takes it over.
    told_at       text constraint endpoints_told_at_length check (length(told_at) = 27), -- When it last took something.
    resync_order  text, -- While all orders are told again, the last one that was; empty before the first.
    resync_source text, -- The source of that order.
    resync_since  text constraint endpoints_resync_since_length check (length(resync_since) = 27), -- Only orders that were written since then; null for all.
    constraint endpoints_resync_whole check ((resync_order is null) = (resync_source is null))
) strict, without rowid;

create table announcement_waits ( -- Orders that an endpoint has still to be told of although its cursor has passed them.
    endpoint    text not null, -- The endpoint's name.
    order_id    text not null, -- The order.
    source      text not null, -- The order's source.
    reason      text not null constraint announcement_waits_reason_known check (reason = 'refused' or reason = 'failed' or reason = 'slow' or reason = 'provisional' or reason = 'resend'), -- refused: by its answer. failed: there was none. slow: the answer is still awaited. provisional: no event has named the order yet. resend: a person asked for it.
    version     integer not null, -- The latest version that is known to wait; what is told is the order as it is then.
    attempts    integer not null constraint announcement_waits_attempts_not_negative check (attempts >= 0), -- How often it was tried.
    due_at      text not null constraint announcement_waits_due_at_length check (length(due_at) = 27), -- When it is tried next.
    first_at    text not null constraint announcement_waits_first_at_length check (length(first_at) = 27), -- When it was first tried, or held back.
    status      integer, -- The HTTP status of the latest answer, if there was one.
    error       text constraint announcement_waits_error_length check (length(error) <= 4096), -- What came of the latest attempt.
    given_up_at text constraint announcement_waits_given_up_at_length check (length(given_up_at) = 27), -- When it was given up; a newer change or a resend tries it again.
    constraint announcement_waits_pkey primary key (endpoint, order_id, source)
) strict, without rowid;
create index announcement_waits_due on announcement_waits (endpoint, due_at) where given_up_at is null;
