select page.change, page.order_id, page.source, page.ledger, (select epoch from announcement_epoch) as epoch,
       coalesce(o.version, page.version) as version, o.status, o.currency, o.authorized, o.reserved, o.captured, o.refunded, o.disputed, o.lost, o.anomaly,
       case when o.anomaly is not null then cast(o.anomalies as text) end as anomalies, o.first_event_at, o.last_event_at,
       coalesce(o.updated_at, page.changed_at) as told_at, o.order_id is null as gone,
       coalesce((select true from payments p where p.payment_id = page.order_id and p.source = page.source
                                               and p.link = 'provisional'), false) as provisional,
       case when o.order_id is null then (select p.order_id from payments p
                                           where p.payment_id = page.order_id and p.source = page.source) end as merged_into,
       page.changed_at, cast(null as text) as reason
  from page
  left join orders o on o.order_id = page.order_id and o.source = page.source
