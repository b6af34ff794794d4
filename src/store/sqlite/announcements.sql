-- What changed after a position, as it is now: ?1 the position, ?2 how many entries.
with change as (
    select * from (select change, at, order_ids, sources as ofs, versions, true as are_orders from order_changes
                    where change >= ?1 / 256 order by change limit ?2 + 1)
    union all
    select * from (select change, at, order_ids, ledgers, versions, false from settlement_changes
                    where change >= ?1 / 256 order by change limit ?2 + 1)
), entry as (
    select c.change * 256 + ids.key as position, ids.value as order_id, iif(c.are_orders, ofs.value, null) as source,
           iif(c.are_orders, null, ofs.value) as ledger, versions.value as version, c.at
      from change c, json_each(c.order_ids) ids, json_each(c.ofs) ofs, json_each(c.versions) versions
     where ids.key = ofs.key and ids.key = versions.key and c.change * 256 + ids.key > ?1
     order by 1 limit ?2
), page as (
    select position as change, order_id, source, ledger, version, at as changed_at, false as is_due from entry
)
