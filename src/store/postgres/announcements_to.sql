-- What an endpoint is to be told, as it is now: $1 its cursor, $2 the watermark, $3 how many entries, $4 its name, $5 now,
-- $6 how many that wait, $7 and $8 orders that are told again.
with due as (
    select order_id, source, version, first_at from announcement_waits
     where endpoint = $4 and given_up_at is null and due_at <= $5
     order by due_at limit $6
), page as (
    select max(change) as change, order_id, source, max(version) as version, min(changed_at) as changed_at, bool_or(is_due) as is_due
      from (select change, order_id, source, version, changed_at, false as is_due from announcements_page($1, $2, $3)
            union all
            select 0, order_id, source, version, first_at, true from due
            union all
            select 0, id, of, 0, null, false from unnest($7::text[], $8::text[]) again (id, of)) found
     group by order_id, source
)
