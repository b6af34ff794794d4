-- no-transaction
-- Built while others write. What an interrupted build left is invalid, so it goes first.
--
-- Of an expression, so that only who asks for `source || ''` uses it: without statistics the planner takes an index that leads
-- with the source for looking an event up by its id, and reads all of the source's events.
drop index concurrently if exists :schema.events_source_received;
create index concurrently events_source_received on :schema.events ((source || ''), received_at);
comment on index :schema.events_source_received is 'The latest events of a source.';
