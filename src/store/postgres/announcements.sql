-- What changed after a position, as it is now: $1 the position, $2 the watermark, $3 how many entries.
with page as (
    select entry_position as change, order_id, source, ledger, version, changed_at, false as is_due
      from announcements_entries($1, $2, $3, true)
)
