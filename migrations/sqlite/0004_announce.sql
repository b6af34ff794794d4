-- Which orders changed, for those who want to be told: a log of ids, written in the transaction that changes the order. One
-- process writes, one transaction after the other, so a number that is seen has none below it that is not. The triggers are
-- made by `paylatch announce on`; without them nothing is written here.

create table order_changes ( -- Orders that changed, in the order of their commits.
    change    integer not null constraint order_changes_pkey primary key autoincrement, -- Its number. An entry's position is this times 256 plus its place in the arrays, from 0.
    at        text not null default (strftime('%Y-%m-%dT%H:%M:%f000Z')) constraint order_changes_at_length check (length(at) = 27), -- When they changed.
    gone      integer not null constraint order_changes_gone_boolean check (gone in (0, 1)), -- The orders were merged into others: their rows are deleted.
    order_ids text not null constraint order_changes_order_ids_json check (json_type(order_ids) = 'array'), -- The orders.
    sources   text not null constraint order_changes_sources_json check (json_type(sources) = 'array'), -- The source of each.
    versions  text not null constraint order_changes_versions_json check (json_type(versions) = 'array') -- The version that each was given; of one that is gone, a version of its own.
) strict;
create index order_changes_at on order_changes (at);

create table announcement_epoch ( -- One row: raised by `paylatch announce new-epoch` after a restore, when versions come again that receivers have seen with other content.
    only_row          integer not null constraint announcement_epoch_pkey primary key constraint announcement_epoch_one check (only_row = 1), -- There is one row.
    epoch             integer not null constraint announcement_epoch_positive check (epoch > 0), -- Told beside each version; receivers compare (epoch, version).
    system_identifier text not null, -- Empty: a file has none.
    timeline          integer not null -- 0: a file has none.
) strict;
insert into announcement_epoch (only_row, epoch, system_identifier, timeline) values (1, 1, '', 0);
