-- What the owner of endpoint $1 by term $2 has done, all of it or, if it owns it no longer, nothing: $3 to $11 are its row,
-- $12 now, $13 what waits no longer, $14 versions of what waits, $15 rows of what waits, $16 since when, and $17 by which ledger, is told again.
with own as (
    update endpoints
       set cursor = $3, epoch = $4, since = case when state = $5 then since else $12 end, state = $5, failures = $6,
           probe_at = $7, error = coalesce($8, error), told_at = coalesce($9, told_at), resync_order = $10, resync_source = $11,
           resync_since = $16, resync_ledger = $17
     where name = $1 and term = $2
    returning name
), told as (
    delete from announcement_waits w
     using own, jsonb_to_recordset($13::jsonb) as k (order_id text, source text, ledger text, version bigint)
     where w.endpoint = own.name and w.order_id = k.order_id and w.source = k.source and w.ledger = k.ledger
       and w.version <= k.version
), raised as (
    update announcement_waits w set version = greatest(w.version, k.version)
      from own, jsonb_to_recordset($14::jsonb) as k (order_id text, source text, ledger text, version bigint)
     where w.endpoint = own.name and w.order_id = k.order_id and w.source = k.source and w.ledger = k.ledger
), set_aside as (
    insert into announcement_waits as w
           (endpoint, order_id, source, ledger, reason, version, attempts, due_at, first_at, status, error, given_up_at)
    select own.name, k.order_id, k.source, k.ledger, k.reason, k.version, k.attempts, k.due_at, k.first_at, k.status, k.error, k.given_up_at
      from own, jsonb_to_recordset($15::jsonb) as k (order_id text, source text, ledger text, reason text, version bigint, attempts bigint,
                                                     due_at timestamptz, first_at timestamptz, status bigint, error text,
                                                     given_up_at timestamptz)
        on conflict (endpoint, order_id, source, ledger) do update
       set reason = excluded.reason, version = greatest(w.version, excluded.version), attempts = excluded.attempts,
           due_at = excluded.due_at, first_at = excluded.first_at, status = excluded.status, error = excluded.error,
           given_up_at = excluded.given_up_at
)
select count(*) from own
