-- Anomalies that a person has settled. They stay in `orders`, where they are folded; what is settled is kept here.
create table acknowledgements ( -- Anomalies that a person has settled: they are not counted any more.
    order_id        text not null constraint acknowledgements_order_id_length check (length(order_id) between 1 and 255), -- The order.
    source          text not null constraint acknowledgements_source_length check (length(source) between 1 and 255), -- The configured account of the provider.
    anomaly         text not null constraint acknowledgements_anomaly_length check (length(anomaly) between 1 and 255), -- What was settled. If the order comes to have another anomaly, that one counts.
    note            text constraint acknowledgements_note_length check (length(note) <= 4000), -- How, in the words of who settled it.
    acknowledged_at text not null constraint acknowledgements_acknowledged_at_length check (length(acknowledged_at) = 27), -- When.
    constraint acknowledgements_pkey primary key (order_id, source, anomaly)
) strict;
