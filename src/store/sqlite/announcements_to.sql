-- What an endpoint is to be told, as it is now: ?1 its cursor, ?2 the watermark, ?3 how many entries, ?4 its name, ?5 now, ?6 how many
-- that wait, ?7, ?8 and ?9 what is told again: orders, and their sources or their ledgers.
with change as (
    select * from (select change, at, order_ids, sources as ofs, versions, true as are_orders from order_changes
                    where change >= ?1 / 256 and change <= ?2 / 256 order by change limit ?3 + 1)
    union all
    select * from (select change, at, order_ids, ledgers, versions, false from settlement_changes
                    where change >= ?1 / 256 and change <= ?2 / 256 order by change limit ?3 + 1)
), entry as (
    select c.change * 256 + ids.key as position, ids.value as order_id, iif(c.are_orders, ofs.value, null) as source,
           iif(c.are_orders, null, ofs.value) as ledger, versions.value as version, c.at
      from change c, json_each(c.order_ids) ids, json_each(c.ofs) ofs, json_each(c.versions) versions
     where ids.key = ofs.key and ids.key = versions.key and c.change * 256 + ids.key > ?1
     order by 1 limit ?3
), due as (
    select order_id, source, ledger, version, first_at from announcement_waits
     where endpoint = ?4 and given_up_at is null and due_at <= ?5
     order by due_at limit ?6
), page as (
    select position as change, order_id, source, ledger, version, at as changed_at, false as is_due from entry
    union all
    select 0, order_id, nullif(source, ''), nullif(ledger, ''), version, first_at, true from due
    union all
    select 0, ids.value, nullif(sources.value, ''), nullif(ledgers.value, ''), 0, null, false
      from json_each(?7) ids join json_each(?8) sources on sources.key = ids.key
                             join json_each(?9) ledgers on ledgers.key = ids.key
)
