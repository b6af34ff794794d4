-- The provider's own record of money, and what it and our events disagree in. A report changes no order: what it tells is
-- compared, and a person is told.

create table reports ( -- Files of the provider's own record that were read, each once.
    sha256            blob not null constraint reports_sha256_length check (length(sha256) = 32), -- The digest of the file.
    source            text not null constraint reports_source_length check (length(source) between 1 and 255), -- The configured account of the provider.
    definition        text not null constraint reports_definition_length check (length(definition) between 1 and 255), -- The name of the report, as its provider's definition has it.
    definition_sha256 blob not null constraint reports_definition_sha256_length check (length(definition_sha256) = 32), -- The digest of that definition: by another one the file is read again.
    rows              integer not null default 0 constraint reports_rows_not_negative check (rows >= 0), -- How many rows tell of customers' money, or of nothing that is known.
    from_at           text constraint reports_from_at_length check (length(from_at) = 27), -- When the earliest of them happened.
    to_at             text constraint reports_to_at_length check (length(to_at) = 27), -- When the latest did.
    imported_at       text not null constraint reports_imported_at_length check (length(imported_at) = 27), -- When it was read.
    complete          integer not null default 0 constraint reports_complete_boolean check (complete in (0, 1)), -- Whether all of it was read, and every row could be.
    constraint reports_pkey primary key (sha256, source),
    constraint reports_span_whole check (((from_at is null) + (to_at is null)) in (0, 2))
) strict;

create table report_rows ( -- Rows of reports, each once in however many files: what is compared of them, no names and no cards.
    row_id           text not null constraint report_rows_row_id_length check (length(row_id) between 1 and 255), -- The provider's id of the row; of a type that is not known, a digest of its cells.
    source           text not null constraint report_rows_source_length check (length(source) between 1 and 255), -- The configured account of the provider.
    report_sha256    blob not null constraint report_rows_report_sha256_length check (length(report_sha256) = 32), -- The file that it first came in.
    definition_sha256 blob not null constraint report_rows_definition_sha256_length check (length(definition_sha256) = 32), -- The definition by which it was read.
    type             text not null constraint report_rows_type_length check (length(type) <= 255), -- The provider's name for what it tells.
    kind             text constraint report_rows_kind_known check (kind = 'captured' or kind = 'capture_failed' or kind = 'refunded' or kind = 'refund_failed' or kind = 'disputed' or kind = 'dispute_won' or kind = 'dispute_lost'), -- What happened to money; null of a type that no rule knows.
    payment_id       text constraint report_rows_payment_id_length check (length(payment_id) between 1 and 255), -- The provider's payment.
    reference        text constraint report_rows_reference_length check (length(reference) between 1 and 255), -- The movement of money.
    reference_2      text constraint report_rows_reference_2_length check (length(reference_2) between 1 and 255), -- What our events may call it instead.
    matched_by       text constraint report_rows_matched_by_known check (matched_by in ('reference', 'payment')), -- reference: the movement is compared. payment: what its payment comes to.
    compared         text constraint report_rows_compared_known check (compared in ('amount', 'presence')), -- amount: amounts must agree. presence: both sides must know of it.
    amount           integer, -- Minor units; below zero where it takes something off its movement.
    currency         text constraint report_rows_currency_code check (currency glob '[A-Z][A-Z][A-Z]' or currency glob '[A-Z][A-Z][A-Z][A-Z]'), -- ISO 4217 code.
    settled_amount   integer, -- Minor units of the merchant's balance.
    settled_currency text constraint report_rows_settled_currency_code check (settled_currency glob '[A-Z][A-Z][A-Z]' or settled_currency glob '[A-Z][A-Z][A-Z][A-Z]'), -- ISO 4217 code of these.
    fee              integer, -- What the provider keeps of it, in minor units of the settled currency, else of its own.
    payout_id        text, -- The payout that it is part of.
    order_id         text constraint report_rows_order_id_length check (length(order_id) between 1 and 255), -- The merchant's order, where the report names it.
    occurred_at      text constraint report_rows_occurred_at_length check (length(occurred_at) = 27), -- When it happened, by the report's clock.
    constraint report_rows_pkey primary key (row_id, source),
    constraint report_rows_amount_whole check (((amount is null) + (currency is null)) in (0, 2)),
    constraint report_rows_settled_whole check (((settled_amount is null) + (settled_currency is null)) in (0, 2)),
    constraint report_rows_fact_whole check (((kind is null) + (payment_id is null) + (reference is null) + (matched_by is null) + (compared is null)) in (0, 5))
) strict;
create index report_rows_payment on report_rows (payment_id, source) where payment_id is not null;
create index report_rows_report on report_rows (report_sha256, source, payment_id);
create index report_rows_unknown on report_rows (type, source) where kind is null;

create table findings ( -- What the provider's reports and our events disagree in. A finding goes when both sides agree.
    reference           text not null constraint findings_reference_length check (length(reference) between 1 and 255), -- The movement of money; of an unknown type its name, of a changed row its id.
    source              text not null constraint findings_source_length check (length(source) between 1 and 255), -- The configured account of the provider.
    kind                text not null constraint findings_kind_known check (kind = '' or kind = 'captured' or kind = 'refunded' or kind = 'disputed'), -- What the movement is; empty of an unknown type and of a row without meaning.
    finding             text not null constraint findings_finding_known check (finding = 'missing_here' or finding = 'not_in_report' or finding = 'amount_differs' or finding = 'currency_differs' or finding = 'order_differs' or finding = 'unknown_type' or finding = 'row_changed'), -- missing_here: no event told us. not_in_report: only we know. amount_differs, currency_differs, order_differs: both know, and differ. unknown_type: no rule knows it. row_changed: it came again with other numbers.
    payment_id          text constraint findings_payment_id_length check (length(payment_id) between 1 and 255), -- The provider's payment.
    ours                integer, -- Our amount, in minor units.
    theirs              integer, -- The report's.
    currency            text constraint findings_currency_code check (currency glob '[A-Z][A-Z][A-Z]' or currency glob '[A-Z][A-Z][A-Z][A-Z]'), -- ISO 4217 code of both; the report's where they differ in it.
    detail              text not null constraint findings_detail_json check (json_valid(detail)), -- Everything that was compared.
    first_seen          text not null constraint findings_first_seen_length check (length(first_seen) = 27), -- When it was first found.
    last_seen           text not null constraint findings_last_seen_length check (length(last_seen) = 27), -- When it was last found.
    gone_at             text constraint findings_gone_at_length check (length(gone_at) = 27), -- When both sides came to agree; null while they do not.
    acknowledged_detail text constraint findings_acknowledged_detail_json check (json_valid(acknowledged_detail)), -- What a person has settled: with another detail it counts again.
    acknowledged_note   text constraint findings_acknowledged_note_length check (length(acknowledged_note) <= 4000), -- How, in the words of who settled it.
    acknowledged_at     text constraint findings_acknowledged_at_length check (length(acknowledged_at) = 27), -- When.
    constraint findings_pkey primary key (reference, source, kind, finding),
    constraint findings_acknowledged_whole check ((acknowledged_detail is null) = (acknowledged_at is null))
) strict;
create index findings_payment on findings (payment_id, source) where gone_at is null;
create index findings_open on findings (source, finding) where gone_at is null;
