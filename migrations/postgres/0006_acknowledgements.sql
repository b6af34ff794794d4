-- Anomalies that a person has settled. They stay in `orders`, where they are folded; what is settled is kept here.
create table acknowledgements (
    order_id        text collate "C" not null constraint acknowledgements_order_id_length check (length(order_id) between 1 and 255),
    source          text collate "C" not null constraint acknowledgements_source_length check (length(source) between 1 and 255),
    anomaly         text collate "C" not null constraint acknowledgements_anomaly_length check (length(anomaly) between 1 and 255),
    note            text constraint acknowledgements_note_length check (length(note) <= 4000),
    acknowledged_at timestamptz not null,
    constraint acknowledgements_pkey primary key (order_id, source, anomaly)
);
comment on table acknowledgements is 'Anomalies that a person has settled: they are not counted any more.';
comment on column acknowledgements.order_id is 'The order.';
comment on column acknowledgements.source is 'The configured account of the provider.';
comment on column acknowledgements.anomaly is 'What was settled. If the order comes to have another anomaly, that one counts.';
comment on column acknowledgements.note is 'How, in the words of who settled it.';
comment on column acknowledgements.acknowledged_at is 'When.';
