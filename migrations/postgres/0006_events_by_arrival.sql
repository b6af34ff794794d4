-- no-transaction
-- Built while others write. What an interrupted build left is invalid, so it goes first.
--
-- An event stands in one of two indexes, so that storing it writes one: a purge takes it from the first to the second. A query by
-- arrival says of both halves `payload is (not) null`. No look-up of an event by its id does, and so none is taken through an
-- index that leads with the source, as a planner without statistics would else have it.
drop index concurrently if exists :schema.events_with_body;
create index concurrently events_with_body on :schema.events (source, received_at) where payload is not null;
comment on index :schema.events_with_body is 'The events of a source by arrival, of those whose body was not purged.';
drop index concurrently if exists :schema.events_without_body;
create index concurrently events_without_body on :schema.events (source, received_at) where payload is null;
comment on index :schema.events_without_body is 'The events of a source by arrival, of those whose body was purged.';
