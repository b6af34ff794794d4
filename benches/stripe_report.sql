-- The report that Stripe would make of what `generate.sql` made: every 10,000th row is withheld, every 10,000th says another amount.
--
--   psql "$DATABASE_URL" -qAt -v payments=1000000 -v source=stripe -f benches/stripe_report.sql > report.csv
\set ON_ERROR_STOP on
copy (
    select 'txn_' || reference as balance_transaction_id, to_char(occurred_at, 'YYYY-MM-DD HH24:MI:SS') as created_utc,
           'usd' as currency, signed as gross, '0.30' as fee, signed as net, category as reporting_category,
           case when kind = 'refunded' then reference else 'ch_' || payment_id end as source_id, 'ch_' || payment_id as charge_id,
           payment_id as payment_intent_id, signed as customer_facing_amount, 'usd' as customer_facing_currency,
           order_claim as "payment_metadata[order_id]"
      from (select *, case when kind = 'refunded' then 'refund' else 'charge' end as category,
                   case when kind = 'refunded' then '-' else '' end
                   || to_char((amount + case when hashtext(reference) % 10000 = 1 then 1 else 0 end) / 100.0, 'FM999999990.00') as signed
              from events
             where kind in ('captured', 'refunded') and event_id like 'evt\_made\_%' and hashtext(reference) % 10000 <> 0) e
     order by occurred_at
) to stdout with (format csv, header);
