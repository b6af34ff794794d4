select page.change, page.order_id, page.source, e.epoch, coalesce(o.version, page.version) as version, o.status, o.currency,
       o.authorized, o.reserved, o.captured, o.refunded, o.disputed, o.lost, o.anomaly,
       coalesce(cast(o.anomalies as text), '[]') as anomalies, o.first_event_at, o.last_event_at,
       coalesce(o.updated_at, page.changed_at) as told_at, o.order_id is null as gone, coalesce(p.link = 'provisional', false) as provisional,
       case when o.order_id is null then p.order_id end as merged_into, page.changed_at, page.is_due
  from page
  cross join announcement_epoch e
  left join orders o on o.order_id = page.order_id and o.source = page.source
  left join payments p on p.payment_id = page.order_id and p.source = page.source
