-- Kept by the server a moment behind the events, from the index of arrivals: no webhook waits for it.
create table type_arrivals ( -- When each type of event was last heard of: a cache of events, kept a moment behind them.
    source           text not null, -- The configured account of the provider.
    type             text not null, -- The provider's name for what happened.
    last_received_at text not null, -- When the latest event of the type arrived; the largest of a source is how far its events were read.
    constraint type_arrivals_pkey primary key (source, type),
    constraint type_arrivals_source_length check (length(source) between 1 and 255),
    constraint type_arrivals_type_length check (length(type) <= 255)
) strict;
