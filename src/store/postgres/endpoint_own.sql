-- Makes $2 the owner of endpoint $1 for $3 ms, or keeps it so; no row while another one owns it. A new endpoint is told all
-- that the log has; where the log begins is only looked up for one, since what was cleared of it may be in the way for long.
with known as (
    update endpoints as e
       set owner = $2, lease_until = now() + $3 * interval '1 ms', term = e.term + (e.owner is distinct from $2)::int
     where name = $1 and (e.owner is null or e.owner = $2 or e.lease_until is null or e.lease_until <= now())
    returning e.term, e.cursor, e.epoch, e.state, e.failures, e.probe_at, e.resync_order, e.resync_source, e.resync_since, e.resync_ledger
), new as (
    insert into endpoints as e (name, cursor, epoch, state, since, owner, term, lease_until)
    select $1, coalesce(least((select min(change) from order_changes), (select min(change) from settlement_changes)),
                        (select last_value + is_called::int from order_changes_change_seq)) * 256 - 1,
           epoch, 'closed', now(), $2, 1, now() + $3 * interval '1 ms'
      from announcement_epoch
     where not exists (select from endpoints where name = $1)
        on conflict (name) do nothing
    returning e.term, e.cursor, e.epoch, e.state, e.failures, e.probe_at, e.resync_order, e.resync_source, e.resync_since, e.resync_ledger
)
select * from known union all select * from new
