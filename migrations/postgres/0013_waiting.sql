-- no-transaction
-- Money that waits is found by these, however many orders there are: only what waits now is in the first two, and by the time
-- that its age is read from. Built while others write; what an interrupted build left is invalid, so it goes first.
drop index concurrently if exists :schema.orders_reserved;
create index concurrently orders_reserved on :schema.orders (first_event_at) where reserved > 0;
comment on index :schema.orders_reserved is 'Orders with money that is reserved and may still be captured.';
drop index concurrently if exists :schema.orders_in_dispute;
create index concurrently orders_in_dispute on :schema.orders (first_event_at) where disputed > lost;
comment on index :schema.orders_in_dispute is 'Orders with a dispute that nobody decided.';
drop index concurrently if exists :schema.events_refund_not_done;
create index concurrently events_refund_not_done on :schema.events (occurred_at) where reason = 'the refund is not done yet';
comment on index :schema.events_refund_not_done is 'What told of refunds that were not done then.';
