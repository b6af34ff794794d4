-- Leases, for `lock.backend = "postgres"`. The lock creates the table itself where it is missing: it may live in another
-- database than the orders.
--
-- Unlogged: no write-ahead log, so no flush and no replication. A crash or a failover empties it, which frees every key
-- early; that costs work, never an order. A low fillfactor lets a key that is taken again stay on its page.
create unlogged table if not exists lock_leases (
    key   text collate "C" not null,
    owner text not null,
    until timestamptz not null,
    fence bigint not null,
    constraint lock_leases_pkey primary key (key)
) with (fillfactor = 50);

comment on table lock_leases is 'Keys held now, and what holders who vanished left behind. Nothing here is the truth about an order.';
comment on column lock_leases.key is 'What is locked, as its holder names it.';
comment on column lock_leases.owner is 'Process and acquisition: <pid>-<random>:<random>.';
comment on column lock_leases.until is 'By the clock of this database; renewed while the holder lives. A past one is free.';
comment on column lock_leases.fence is 'Larger than that of any earlier holder: microseconds of this clock.';
