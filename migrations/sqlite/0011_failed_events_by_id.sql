-- Failed events in the order in which they are listed, so that a page of them reads its own rows however many there are. Only an
-- event that is parked or dead is written to it.
create index events_failed_by_id on events (outcome, event_id, source) where outcome in ('parked', 'dead'); -- Counts and lists what needs a person.
drop index events_failed;
