-- Settlements are announced as orders are: with a version of the same sequence, and a log beside that of the orders which shares
-- its numbers, its lock and so its watermark. Who settles writes it, in the transaction that settles.

alter table settlements add column version bigint not null default nextval('order_version');
comment on column settlements.version is 'Rises when anything changes that is told: from the sequence of the orders'' versions.';

create table settlement_changes (
    change    bigint not null default nextval('order_changes_change_seq') constraint settlement_changes_pkey primary key,
    at        timestamptz not null default now(),
    order_ids text[] collate "C" not null constraint settlement_changes_some check (cardinality(order_ids) between 1 and 256),
    ledgers   text[] collate "C" not null,
    versions  bigint[] not null,
    constraint settlement_changes_whole check (cardinality(ledgers) = cardinality(order_ids) and cardinality(versions) = cardinality(order_ids))
);
create index settlement_changes_at on settlement_changes using brin (at);
comment on table settlement_changes is 'Settlements that changed, one row for up to 256 of one step. Its numbers are those of order_changes: none is in both.';
comment on column settlement_changes.change is 'Its number. An entry''s position is this times 256 plus its place in the arrays, from 0.';
comment on column settlement_changes.at is 'When the transaction began that changed them.';
comment on column settlement_changes.order_ids is 'The orders.';
comment on column settlement_changes.ledgers is 'The ledger of each.';
comment on column settlement_changes.versions is 'The version that each was given.';

alter table announcement_waits add column ledger text collate "C" not null default '';
alter table announcement_waits drop constraint announcement_waits_pkey;
alter table announcement_waits add constraint announcement_waits_pkey primary key (endpoint, order_id, source, ledger);
alter table announcement_waits add constraint announcement_waits_of_one check ((source = '') <> (ledger = ''));
comment on column announcement_waits.source is 'The order''s source; empty where its settlement waits.';
comment on column announcement_waits.ledger is 'The ledger whose settlement of the order waits; else empty.';

alter table endpoints add column resync_ledger text collate "C";
comment on column endpoints.resync_ledger is 'While all settlements are told again, which is after all orders, the ledger of the last one that was; empty before the first.';

-- Of a long log no more is read than is wanted, however many entries its rows have.
create function announcements_entries(after_position bigint, last_position bigint, max_rows int, with_settlements boolean)
returns table (entry_position bigint, order_id text, source text, ledger text, version bigint, changed_at timestamptz)
language plpgsql stable
set search_path from current set enable_seqscan = off set enable_bitmapscan = off set enable_sort = off set jit = off as $$
declare
    told record;
    ids text[];
    ofs text[];
    versions bigint[];
    rows int := 0;
begin
    for told in
        -- Each is read in the order of its key, and only as far as the loop goes.
        select * from (select o.change, o.at, o.order_ids as ids, o.sources as ofs, o.versions, true as are_orders from order_changes o
                        where o.change >= after_position / 256 and o.change <= last_position / 256
                        order by o.change) orders
        union all
        select * from (select s.change, s.at, s.order_ids, s.ledgers, s.versions, false from settlement_changes s
                        where with_settlements and s.change >= after_position / 256 and s.change <= last_position / 256
                        order by s.change) settlements
         order by change
    loop
        -- An array of one's own is taken apart once, and not for each of its entries.
        ids := told.ids;
        ofs := told.ofs;
        versions := told.versions;
        for place in greatest(after_position - told.change * 256 + 2, 1)::int .. cardinality(ids) loop
            exit when rows >= max_rows;
            rows := rows + 1;
            entry_position := told.change * 256 + place - 1;
            order_id := ids[place];
            source := case when told.are_orders then ofs[place] end;
            ledger := case when not told.are_orders then ofs[place] end;
            version := versions[place];
            changed_at := told.at;
            return next;
        end loop;
        exit when rows >= max_rows;
    end loop;
end $$;
comment on function announcements_entries is 'The entries of the logs after a position, at most max_rows: of an order its source, of a settlement its ledger.';

create or replace function announcements_page(after_position bigint, last_position bigint, max_rows int)
returns table (change bigint, order_id text, source text, version bigint, changed_at timestamptz)
language sql stable
set search_path from current as $$
    select max(e.entry_position), e.order_id, e.source, max(e.version), min(e.changed_at)
      from announcements_entries(after_position, last_position, max_rows, false) e
     group by e.order_id, e.source
     order by 1
$$;
