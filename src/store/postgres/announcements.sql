-- Orders that changed after a position, as they are now: $1 the position, $2 the watermark, $3 how many entries.
with page as (
    select change, order_id, source, version, changed_at, false as is_due from announcements_page($1, $2, $3)
)
