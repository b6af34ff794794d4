-- no-transaction
-- Built while others write. What an interrupted build left is invalid, so it goes first.
--
-- What told of a refund that was not done may name it behind the words, so that the end of another refund does not stand for its own.
drop index concurrently if exists :schema.events_refund_waiting;
create index concurrently events_refund_waiting on :schema.events (occurred_at) where substr(reason, 1, 26) = 'the refund is not done yet';
comment on index :schema.events_refund_waiting is 'What told of refunds that were not done then.';
drop index concurrently if exists :schema.events_refund_not_done;
