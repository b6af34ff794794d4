-- no-transaction
-- Built while others write. What an interrupted build left is invalid, so it goes first.
--
-- Failed events in the order in which they are listed, so that a page of them reads its own rows however many there are. Only an
-- event that is parked or dead is written to it.
drop index concurrently if exists :schema.events_failed_by_id;
create index concurrently events_failed_by_id on :schema.events (outcome, event_id, source) where outcome in ('parked', 'dead');
comment on index :schema.events_failed_by_id is 'Counts and lists what needs a person.';
drop index concurrently if exists :schema.events_failed;
