-- The provider's own record of money, and what it and our events disagree in. A report changes no order: what it tells is
-- compared, and a person is told. Keys lead with the id, as everywhere.

create table reports (
    sha256            bytea not null constraint reports_sha256_length check (length(sha256) = 32),
    source            text collate "C" not null constraint reports_source_length check (length(source) between 1 and 255),
    definition        text not null constraint reports_definition_length check (length(definition) between 1 and 255),
    definition_sha256 bytea not null constraint reports_definition_sha256_length check (length(definition_sha256) = 32),
    rows              bigint not null default 0 constraint reports_rows_not_negative check (rows >= 0),
    from_at           timestamptz,
    to_at             timestamptz,
    imported_at       timestamptz not null,
    complete          boolean not null default false,
    constraint reports_pkey primary key (sha256, source),
    constraint reports_span_whole check (num_nulls(from_at, to_at) in (0, 2))
);
comment on table reports is 'Files of the provider''s own record that were read, each once.';
comment on column reports.sha256 is 'The digest of the file.';
comment on column reports.source is 'The configured account of the provider.';
comment on column reports.definition is 'The name of the report, as its provider''s definition has it.';
comment on column reports.definition_sha256 is 'The digest of that definition: by another one the file is read again.';
comment on column reports.rows is 'How many rows tell of customers'' money, or of nothing that is known.';
comment on column reports.from_at is 'When the earliest of them happened.';
comment on column reports.to_at is 'When the latest did.';
comment on column reports.imported_at is 'When it was read.';
comment on column reports.complete is 'Whether all of it was read, and every row could be.';

create table report_rows (
    row_id           text collate "C" not null constraint report_rows_row_id_length check (length(row_id) between 1 and 255),
    source           text collate "C" not null constraint report_rows_source_length check (length(source) between 1 and 255),
    report_sha256    bytea not null constraint report_rows_report_sha256_length check (length(report_sha256) = 32),
    definition_sha256 bytea not null constraint report_rows_definition_sha256_length check (length(definition_sha256) = 32),
    type             text not null constraint report_rows_type_length check (length(type) <= 255),
    kind             text constraint report_rows_kind_known check (kind in
                         ('captured', 'capture_failed', 'refunded', 'refund_failed', 'disputed', 'dispute_won', 'dispute_lost')),
    payment_id       text collate "C" constraint report_rows_payment_id_length check (length(payment_id) between 1 and 255),
    reference        text collate "C" constraint report_rows_reference_length check (length(reference) between 1 and 255),
    reference_2      text collate "C" constraint report_rows_reference_2_length check (length(reference_2) between 1 and 255),
    matched_by       text constraint report_rows_matched_by_known check (matched_by in ('reference', 'payment')),
    compared         text constraint report_rows_compared_known check (compared in ('amount', 'presence')),
    amount           bigint,
    currency         text constraint report_rows_currency_code check (currency ~ '^[A-Z]{3,4}$'),
    settled_amount   bigint,
    settled_currency text constraint report_rows_settled_currency_code check (settled_currency ~ '^[A-Z]{3,4}$'),
    fee              bigint,
    payout_id        text,
    order_id         text collate "C" constraint report_rows_order_id_length check (length(order_id) between 1 and 255),
    occurred_at      timestamptz,
    constraint report_rows_pkey primary key (row_id, source),
    constraint report_rows_amount_whole check (num_nulls(amount, currency) in (0, 2)),
    constraint report_rows_settled_whole check (num_nulls(settled_amount, settled_currency) in (0, 2)),
    constraint report_rows_fact_whole check (num_nulls(kind, payment_id, reference, matched_by, compared) in (0, 5))
);
create index report_rows_payment on report_rows (payment_id, source) where payment_id is not null;
create index report_rows_report on report_rows (report_sha256, source, payment_id);
create index report_rows_unknown on report_rows (type, source) where kind is null;
comment on table report_rows is 'Rows of reports, each once in however many files: what is compared of them, no names and no cards.';
comment on column report_rows.row_id is 'The provider''s id of the row; of a type that is not known, a digest of its cells.';
comment on column report_rows.source is 'The configured account of the provider.';
comment on column report_rows.report_sha256 is 'The file that it first came in.';
comment on column report_rows.definition_sha256 is 'The definition by which it was read.';
comment on column report_rows.type is 'The provider''s name for what it tells.';
comment on column report_rows.kind is 'What happened to money; null of a type that no rule knows.';
comment on column report_rows.payment_id is 'The provider''s payment.';
comment on column report_rows.reference is 'The movement of money.';
comment on column report_rows.reference_2 is 'What our events may call it instead.';
comment on column report_rows.matched_by is 'reference: the movement is compared. payment: what its payment comes to.';
comment on column report_rows.compared is 'amount: amounts must agree. presence: both sides must know of it.';
comment on column report_rows.amount is 'Minor units; below zero where it takes something off its movement.';
comment on column report_rows.currency is 'ISO 4217 code.';
comment on column report_rows.settled_amount is 'Minor units of the merchant''s balance.';
comment on column report_rows.settled_currency is 'ISO 4217 code of these.';
comment on column report_rows.fee is 'What the provider keeps of it, in minor units of the settled currency, else of its own.';
comment on column report_rows.payout_id is 'The payout that it is part of.';
comment on column report_rows.order_id is 'The merchant''s order, where the report names it.';
comment on column report_rows.occurred_at is 'When it happened, by the report''s clock.';
comment on index report_rows_payment is 'The rows of a payment, compared together.';
comment on index report_rows_report is 'The payments of a report.';
comment on index report_rows_unknown is 'Rows that nobody knows the meaning of.';

create table findings (
    reference           text collate "C" not null constraint findings_reference_length check (length(reference) between 1 and 255),
    source              text collate "C" not null constraint findings_source_length check (length(source) between 1 and 255),
    kind                text collate "C" not null constraint findings_kind_known check (kind in ('', 'captured', 'refunded', 'disputed')),
    finding             text collate "C" not null constraint findings_finding_known check (finding in
                            ('missing_here', 'not_in_report', 'amount_differs', 'currency_differs', 'order_differs',
                             'unknown_type', 'row_changed')),
    payment_id          text collate "C" constraint findings_payment_id_length check (length(payment_id) between 1 and 255),
    ours                bigint,
    theirs              bigint,
    currency            text constraint findings_currency_code check (currency ~ '^[A-Z]{3,4}$'),
    detail              jsonb not null,
    first_seen          timestamptz not null,
    last_seen           timestamptz not null,
    gone_at             timestamptz,
    acknowledged_detail jsonb,
    acknowledged_note   text constraint findings_acknowledged_note_length check (length(acknowledged_note) <= 4000),
    acknowledged_at     timestamptz,
    constraint findings_pkey primary key (reference, source, kind, finding),
    constraint findings_acknowledged_whole check ((acknowledged_detail is null) = (acknowledged_at is null))
) with (fillfactor = 80);
create index findings_payment on findings (payment_id, source) where gone_at is null;
create index findings_open on findings (source, finding) where gone_at is null;
comment on table findings is 'What the provider''s reports and our events disagree in. A finding goes when both sides agree.';
comment on column findings.reference is 'The movement of money; of an unknown type its name, of a changed row its id.';
comment on column findings.source is 'The configured account of the provider.';
comment on column findings.kind is 'What the movement is; empty of an unknown type and of a row without meaning.';
comment on column findings.finding is
    'missing_here: no event told us. not_in_report: only we know. amount_differs, currency_differs, order_differs: both know, and differ. unknown_type: no rule knows it. row_changed: it came again with other numbers.';
comment on column findings.payment_id is 'The provider''s payment.';
comment on column findings.ours is 'Our amount, in minor units.';
comment on column findings.theirs is 'The report''s.';
comment on column findings.currency is 'ISO 4217 code of both; the report''s where they differ in it.';
comment on column findings.detail is 'Everything that was compared.';
comment on column findings.first_seen is 'When it was first found.';
comment on column findings.last_seen is 'When it was last found.';
comment on column findings.gone_at is 'When both sides came to agree; null while they do not.';
comment on column findings.acknowledged_detail is 'What a person has settled: with another detail it counts again.';
comment on column findings.acknowledged_note is 'How, in the words of who settled it.';
comment on column findings.acknowledged_at is 'When.';
comment on index findings_payment is 'The open findings of a payment, compared together.';
comment on index findings_open is 'Counts and lists what is open.';
