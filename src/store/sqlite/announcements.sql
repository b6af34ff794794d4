-- Orders that changed after a position, as they are now: ?1 the position, ?2 how many entries.
with entry as (
    select c.change * 256 + ids.key as position, ids.value as order_id, sources.value as source, versions.value as version, c.at
      from order_changes c, json_each(c.order_ids) ids, json_each(c.sources) sources, json_each(c.versions) versions
     where ids.key = sources.key and ids.key = versions.key and c.change >= ?1 / 256
       and c.change * 256 + ids.key > ?1
     order by 1 limit ?2
), page as (
    select max(position) as change, order_id, source, max(version) as version, min(at) as changed_at
      from entry group by order_id, source
)
select page.change, page.order_id, page.source, e.epoch, coalesce(o.version, page.version) as version, o.status, o.currency,
       o.authorized, o.reserved, o.captured, o.refunded, o.disputed, o.lost, o.anomaly, coalesce(o.anomalies, '[]') as anomalies,
       o.first_event_at, o.last_event_at, coalesce(o.updated_at, page.changed_at) as told_at, o.order_id is null as gone,
       coalesce(p.link = 'provisional', 0) as provisional, case when o.order_id is null then p.order_id end as merged_into
  from page
  cross join announcement_epoch e
  left join orders o on o.order_id = page.order_id and o.source = page.source
  left join payments p on p.payment_id = page.order_id and p.source = page.source
 order by page.change
