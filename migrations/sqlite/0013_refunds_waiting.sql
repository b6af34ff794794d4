-- What told of a refund that was not done may name it behind the words, so that the end of another refund does not stand for its own.
create index events_refund_waiting on events (occurred_at) where substr(reason, 1, 26) = 'the refund is not done yet'; -- What told of refunds that were not done then.
drop index events_refund_not_done;
