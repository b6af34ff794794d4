-- Which orders changed, for those who want to be told: a log of ids, written in the transaction that changes the order.
--
-- The log says who changed, not to what: what is told is the row of `orders` as it is then. Numbers are drawn before they
-- are visible, so a reader must not go beyond `announcements_watermark()`: every save takes a shared advisory lock before it
-- draws a number and keeps it until its commit is visible. The triggers are made by `paylatch announce on`; without them
-- nothing is written here.

create table order_changes (
    change    bigint generated always as identity constraint order_changes_pkey primary key, -- cache 1: readers rely on it
    at        timestamptz not null default now(),
    gone      boolean not null,
    order_ids text[] collate "C" not null constraint order_changes_some check (cardinality(order_ids) between 1 and 256),
    sources   text[] collate "C" not null,
    versions  bigint[] not null,
    constraint order_changes_whole check (cardinality(sources) = cardinality(order_ids) and cardinality(versions) = cardinality(order_ids))
);
create index order_changes_at on order_changes using brin (at);

comment on table order_changes is 'Orders that changed, in the order of their commits per order: one row for up to 256 orders of one statement.';
comment on column order_changes.change is 'Its number. An entry''s position is this times 256 plus its place in the arrays, from 0.';
comment on column order_changes.at is 'When the transaction began that changed them.';
comment on column order_changes.gone is 'The orders were merged into others: their rows are deleted.';
comment on column order_changes.order_ids is 'The orders.';
comment on column order_changes.sources is 'The source of each.';
comment on column order_changes.versions is 'The version that each was given; of one that is gone, a version of its own.';

create table announcement_epoch (
    only_row          boolean not null default true constraint announcement_epoch_pkey primary key constraint announcement_epoch_one check (only_row),
    epoch             bigint not null constraint announcement_epoch_positive check (epoch > 0),
    system_identifier text not null,
    timeline          bigint not null
);
comment on table announcement_epoch is 'One row: raised by `paylatch announce new-epoch` after a restore or the promotion of a standby, when versions come again that receivers have seen with other content.';
comment on column announcement_epoch.only_row is 'There is one row.';
comment on column announcement_epoch.epoch is 'Told beside each version; receivers compare (epoch, version).';
comment on column announcement_epoch.system_identifier is 'Of the server that it holds for; empty where that cannot be read.';
comment on column announcement_epoch.timeline is 'Of the server that it holds for; 0 where that cannot be read.';
insert into announcement_epoch (epoch, system_identifier, timeline) values (1, '', 0);

create table announcement_consumers (
    consumer text collate "C" not null constraint announcement_consumers_pkey primary key
                 constraint announcement_consumers_name check (length(consumer) between 1 and 255),
    position bigint not null constraint announcement_consumers_position check (position >= 0),
    asked_at timestamptz not null default now()
);
comment on table announcement_consumers is 'Applications in this database that apply announcements in their own transactions.';
comment on column announcement_consumers.consumer is 'The name that it gives to announcements_after.';
comment on column announcement_consumers.position is 'The last entry that it has applied.';
comment on column announcement_consumers.asked_at is 'When it last asked, as far as its transaction committed.';

create function note_order_changes() returns trigger language plpgsql
-- Whoever changes an order, by whatever search path, writes to the log beside it.
set search_path from current as $$
begin
    if not exists (select from changed) then
        return null;
    end if;
    -- Before a number is drawn: a reader waits for whoever holds this.
    perform pg_advisory_xact_lock_shared(1885434479, 1);
    insert into order_changes (gone, order_ids, sources, versions)
    select tg_op = 'DELETE', array_agg(order_id), array_agg(source),
           array_agg(case when tg_op = 'DELETE' then nextval('order_version') else version end)
      from (select order_id, source, version, (row_number() over () - 1) / 256 as part from changed) as parts
     group by part order by part;
    return null;
end $$;
comment on function note_order_changes is 'Writes the orders of one statement into order_changes.';

create function announcements_watermark(wait_ms int default 0) returns bigint language plpgsql volatile
set search_path from current as $$
declare
    last   bigint;
    waited int := 0;
    holder record;
    held   bigint[];
begin
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception 'announcements can only be read under READ COMMITTED' using errcode = '25001';
    end if;
    -- First the last number that was drawn, then who may still hold one as low: never the other way round.
    select case when is_called then last_value else 0 end into last from order_changes_change_seq;
    select array_agg(pid::bigint * 4294967296 + split_part(virtualtransaction, '/', 2)::bigint % 4294967296) into held
      from pg_locks
     where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
       and classid = 1885434479 and objid = 1 and objsubid = 2 and pid <> pg_backend_pid();
    -- The number is final once none of them holds the lock any more.
    while held is not null and exists (
        select from pg_locks
         where locktype = 'advisory' and database = (select oid from pg_database where datname = current_database())
           and classid = 1885434479 and objid = 1 and objsubid = 2
           and pid::bigint * 4294967296 + split_part(virtualtransaction, '/', 2)::bigint % 4294967296 = any (held))
    loop
        if waited >= wait_ms then
            return null;
        end if;
        perform pg_sleep(0.002);
        waited := waited + 2;
    end loop;
    return last * 256 + 255;
end $$;
comment on function announcements_watermark is 'The last position up to which every entry is visible; null where a save that has drawn an earlier number does not end within wait_ms.';

create function announcements_page(after_position bigint, last_position bigint, max_rows int)
returns table (change bigint, order_id text, source text, version bigint, changed_at timestamptz)
language sql stable
set search_path from current as $$
    select max(entry.position), entry.order_id, entry.source, max(entry.version), min(entry.at)
      from (select c.change * 256 + (place - 1) as position, id as order_id, of as source, v as version, c.at
              from order_changes c, unnest(c.order_ids, c.sources, c.versions) with ordinality as told (id, of, v, place)
             where c.change >= after_position / 256 and c.change <= last_position / 256
               and c.change * 256 + (place - 1) > after_position
             order by 1 limit max_rows) as entry
     group by entry.order_id, entry.source
     order by 1
$$;
comment on function announcements_page is 'The orders that changed after a position, each once, at most max_rows entries of the log.';

create function announcements_after(consumer text, max_rows int)
returns table (change bigint, order_id text, source text, epoch bigint, version bigint, gone boolean, status text, currency text,
               captured bigint, refunded bigint, disputed bigint)
language plpgsql volatile
set search_path from current as $$
declare
    begin_at bigint;
    end_at   bigint;
begin
    if max_rows is null or max_rows < 1 then
        raise exception 'max_rows must be at least 1' using errcode = '22023';
    end if;
    insert into announcement_consumers as c (consumer, position) values (announcements_after.consumer, 0) on conflict do nothing;
    -- One at a time for each consumer, until its transaction ends: what it applies and its position commit together.
    select c.position into begin_at from announcement_consumers c where c.consumer = announcements_after.consumer for update;
    end_at := announcements_watermark(1000);
    if end_at is null then
        return;
    end if;
    return query
    select page.change, page.order_id, page.source, e.epoch, coalesce(o.version, page.version), o.order_id is null, o.status, o.currency,
           o.captured, o.refunded, o.disputed
      from announcements_page(begin_at, end_at, max_rows) page
      cross join announcement_epoch e
      left join orders o on o.order_id = page.order_id and o.source = page.source
     order by page.change;
end $$;
comment on function announcements_after is 'For an application in this database: what changed since it last called announcements_done, and its row is locked until its transaction ends.';

create function announcements_done(consumer text, change bigint) returns void language plpgsql volatile
set search_path from current as $$
begin
    update announcement_consumers c set position = greatest(c.position, announcements_done.change), asked_at = now()
     where c.consumer = announcements_done.consumer;
    if not found then
        raise exception 'no consumer is called %', announcements_done.consumer
            using errcode = '22023', hint = 'The first call of announcements_after makes it.';
    end if;
end $$;
comment on function announcements_done is 'The application has applied everything up to this change: in the same transaction in which it did so.';
