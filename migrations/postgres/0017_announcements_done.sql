-- An application that says that it has dealt with changes that were not made yet would never be told of them.
create or replace function announcements_done(consumer text, change bigint) returns void language plpgsql volatile
set search_path from current as $$
begin
    if change > (select case when is_called then last_value * 256 + 255 else 0 end from order_changes_change_seq) then
        raise exception 'no change % was made yet', change
            using errcode = '22023', hint = 'Give the largest change that announcements_after told of.';
    end if;
    update announcement_consumers c set position = greatest(c.position, announcements_done.change), asked_at = now()
     where c.consumer = announcements_done.consumer;
    if not found then
        raise exception 'no consumer is called %', announcements_done.consumer
            using errcode = '22023', hint = 'The first call of announcements_after makes it.';
    end if;
end $$;
