select page.change, page.order_id, page.source, page.ledger, e.epoch, coalesce(o.version, s.version, page.version) as version,
       o.status, s.settlement, s.revision, coalesce(o.currency, s.currency) as currency, s.expected, o.authorized, o.reserved,
       coalesce(o.captured, s.captured) as captured, coalesce(o.refunded, s.refunded) as refunded, o.disputed,
       coalesce(o.lost, s.lost) as lost, s.held, s.due, s.unpaid_at, o.anomaly,
       case when o.anomaly is not null then cast(o.anomalies as text) else cast(s.anomalies as text) end as anomalies,
       o.first_event_at, o.last_event_at, coalesce(o.updated_at, s.updated_at, page.changed_at) as told_at,
       page.ledger is null and o.order_id is null as gone,
       coalesce((select true from payments p where p.payment_id = page.order_id and p.source = page.source
                                               and p.link = 'provisional'), false) as provisional,
       case when o.order_id is null then (select p.order_id from payments p
                                           where p.payment_id = page.order_id and p.source = page.source) end as merged_into,
       page.changed_at, page.is_due
  from page
  cross join announcement_epoch e
  left join orders o on o.order_id = page.order_id and o.source = page.source
  left join settlements s on s.order_id = page.order_id and s.ledger = page.ledger
