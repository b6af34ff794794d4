-- When each type of each source was last heard of. Kept by the server a moment behind the events, from the index of arrivals: no
-- webhook waits for it.
create table type_arrivals (
    source           text collate "C" not null constraint type_arrivals_source_length check (length(source) between 1 and 255),
    type             text collate "C" not null constraint type_arrivals_type_length check (length(type) <= 255),
    last_received_at timestamptz not null,
    constraint type_arrivals_pkey primary key (source, type)
);
comment on table type_arrivals is 'When each type of event was last heard of: a cache of events, kept a moment behind them.';
comment on column type_arrivals.source is 'The configured account of the provider.';
comment on column type_arrivals.type is 'The provider''s name for what happened.';
comment on column type_arrivals.last_received_at is 'When the latest event of the type arrived; the largest of a source is how far its events were read.';
