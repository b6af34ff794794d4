-- What an endpoint is to be told, as it is now: $1 its cursor, $2 the watermark, $3 how many entries, $4 its name, $5 now,
-- $6 how many that wait, $7, $8 and $9 what is told again: orders, and their sources or their ledgers.
with due as (
    select order_id, source, ledger, version, first_at from announcement_waits
     where endpoint = $4 and given_up_at is null and due_at <= $5
     order by due_at limit $6
), page as (
    select entry_position as change, order_id, source, ledger, version, changed_at, false as is_due
      from announcements_entries($1, $2, $3, true)
    union all
    select 0, order_id, nullif(source, ''), nullif(ledger, ''), version, first_at, true from due
    union all
    select 0, id, nullif(of, ''), nullif(by, ''), 0, null, false from unnest($7::text[], $8::text[], $9::text[]) again (id, of, by)
)
