-- Money that waits is found by these, however many orders there are: only what waits now is in the first two, and by the time
-- that its age is read from.
create index orders_reserved on orders (first_event_at) where reserved > 0; -- Orders with money that is reserved and may still be captured.
create index orders_in_dispute on orders (first_event_at) where disputed > lost; -- Orders with a dispute that nobody decided.
create index events_refund_not_done on events (occurred_at) where reason = 'the refund is not done yet'; -- What told of refunds that were not done then.
