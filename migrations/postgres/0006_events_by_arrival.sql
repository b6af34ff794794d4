-- no-transaction
-- Built while others write. What an interrupted build left is invalid, so it goes first.
drop index concurrently if exists :schema.events_source_received;
create index concurrently events_source_received on :schema.events (source, received_at);
comment on index :schema.events_source_received is 'The latest events of a source.';
