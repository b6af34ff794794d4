-- The two tables that a plain handler keeps: fewer columns and indexes than Paylatch writes.
create table webhook_events (
    event_id    text primary key,
    type        text not null,
    payload     bytea not null,
    received_at timestamptz not null default now()
);
create table shop_orders (
    order_id   text primary key,
    status     text not null,
    captured   bigint not null,
    currency   text not null,
    updated_at timestamptz not null default now()
);
