-- Orders that changed after a position, as they are now: ?1 the position, ?2 how many entries.
with entry as (
    select c.change * 256 + ids.key as position, ids.value as order_id, sources.value as source, versions.value as version, c.at
      from order_changes c, json_each(c.order_ids) ids, json_each(c.sources) sources, json_each(c.versions) versions
     where ids.key = sources.key and ids.key = versions.key and c.change >= ?1 / 256
       and c.change * 256 + ids.key > ?1
     order by 1 limit ?2
), page as (
    select max(position) as change, order_id, source, max(version) as version, min(at) as changed_at, false as is_due
      from entry group by order_id, source
)
