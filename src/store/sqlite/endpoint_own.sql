-- Makes ?2 the owner of endpoint ?1 for ?3 ms, or keeps it so; no row while another one owns it. A new endpoint is told all
-- that the log has.
insert into endpoints as e (name, cursor, epoch, state, since, owner, term, lease_until)
select ?1, coalesce((select min(change) from (select min(change) as change from order_changes
                                         union all select min(change) from settlement_changes)),
                    (select seq + 1 from sqlite_sequence where name = 'order_changes'), 1) * 256 - 1,
       epoch, 'closed', strftime('%Y-%m-%dT%H:%M:%f000Z'), ?2, 1, strftime('%Y-%m-%dT%H:%M:%f000Z', 'now', (?3 / 1000.0) || ' seconds')
  from announcement_epoch
 where true
    on conflict (name) do update
   set owner = excluded.owner, lease_until = excluded.lease_until, term = e.term + (e.owner is not excluded.owner)
 where e.owner is null or e.owner = excluded.owner or e.lease_until is null
    or e.lease_until <= strftime('%Y-%m-%dT%H:%M:%f000Z')
returning term, cursor, epoch, state, failures, probe_at, resync_order, resync_source, resync_since, resync_ledger
