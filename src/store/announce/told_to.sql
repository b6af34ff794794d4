  left join announcement_waits w on w.endpoint = $4 and w.order_id = told.order_id
                                and w.source = coalesce(told.source, '') and w.ledger = coalesce(told.ledger, '')
 where not (told.gone and told.version = 0)
