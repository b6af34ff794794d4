-- Saves one decided batch. Called once per batch, outside any transaction: it commits itself, or changes nothing.
--
-- Everything was decided from one load; this function only checks that nothing moved since. 40001, or 23505 of a key,
-- says that somebody was faster: load, decide and save again. Inserts do not say `on conflict do nothing`: a row that exists
-- raises 23505, at two thirds of the cost of inserting speculatively and counting. Tables come in one
-- order and rows in key order, so saves never wait for each other in a circle: an insert waits for another's uncommitted
-- row of the same key while this save holds no lock that the other still needs, and locks on rows that exist are taken in
-- key order.
--
-- New rows are read from the arrays by their place: `unnest` of 21 arrays copies each value into a table of its own first,
-- and the sort then copies whole rows; so only places are sorted, and an insert takes them in that order.
create function save_decided(
    -- Events, all unknown to the load, each id once.
    e_id text[], e_source text[], e_type text[], e_outcome text[], e_reason text[], e_payment text[],
    e_account text[], e_kind text[], e_basis text[], e_reference text[], e_amount bigint[], e_currency text[], e_claim text[],
    e_rank smallint[], e_occurred timestamptz[], e_received timestamptz[], e_read_by smallint[], e_facts bytea[], e_body bytea[], e_headers text[], e_payload bytea[],
    -- Payments that are new or whose link changes; p_was is the order that the load saw, null where there was no row.
    p_id text[], p_source text[], p_was text[], p_order text[], p_link text[],
    -- Orders that gain or lose a fact, a claim or a payment; o_read is the version that the load saw, null where there
    -- was no row; o_status null: no payment is left, the row goes.
    o_id text[], o_source text[], o_read bigint[], o_status text[], o_currency text[], o_authorized bigint[],
    o_reserved bigint[], o_captured bigint[], o_refunded bigint[], o_disputed bigint[], o_lost bigint[], o_anomaly text[],
    o_anomalies text[], o_first timestamptz[], o_last timestamptz[],
    -- Bodies that came under a known id with other facts.
    c_id text[], c_source text[], c_body bytea[], c_received timestamptz[], c_headers text[], c_payload bytea[]
) returns void language plpgsql
-- The plans must not depend on what the tables looked like when a session first called this.
set enable_seqscan = off set enable_hashjoin = off set enable_mergejoin = off
as $$
declare
    n          bigint;
    new_pays   constant bigint := cardinality(array_positions(p_was, null));
    moves      constant bigint := cardinality(p_was) - new_pays;
    new_orders constant bigint := cardinality(array_positions(o_read, null));
    gone       constant bigint := cardinality(array_positions(o_status, null));
    changed    constant bigint := cardinality(o_read) - new_orders - gone;
begin
    -- 1. Events. A raced id waits here for the other save, and is refused before this one has taken any other lock.
    insert into events (event_id, source, type, outcome, reason, payment_id, account, kind, basis, reference, amount, currency,
                        order_claim, claim_rank, occurred_at, received_at, read_by, facts_sha256, body_sha256, headers, payload)
    select e_id[i], e_source[i], e_type[i], e_outcome[i], e_reason[i], e_payment[i], e_account[i], e_kind[i], e_basis[i],
           e_reference[i], e_amount[i], e_currency[i], e_claim[i], e_rank[i], e_occurred[i], e_received[i], e_read_by[i],
           e_facts[i], e_body[i], e_headers[i]::jsonb, e_payload[i]
      from (select i from generate_subscripts(e_id, 1) i order by e_id[i] collate "C", e_source[i] collate "C") as sorted (i);

    -- 2. New payments. A raced link passed over would strand money on an order that is not the payment's.
    if new_pays > 0 then
        insert into payments (payment_id, source, order_id, link)
        select p_id[i], p_source[i], p_order[i], p_link[i]
          from (select i from generate_subscripts(p_id, 1) i where p_was[i] is null
                 order by p_id[i] collate "C", p_source[i] collate "C") as sorted (i);
    end if;

    -- 3. Changed links: lock in key order, because an update locks in the order of its plan; then compare and set.
    if moves > 0 then
        perform 1
           from unnest(p_id, p_source, p_was) as p (id, source, was)
           join payments t on t.payment_id = p.id and t.source = p.source
          where p.was is not null
          order by t.payment_id, t.source
            for update of t;
        update payments t set order_id = p."order", link = p.link
          from unnest(p_id, p_source, p_was, p_order, p_link) as p (id, source, was, "order", link)
         where p.was is not null and t.payment_id = p.id and t.source = p.source and t.order_id = p.was;
        get diagnostics n = row_count;
        if n <> moves then raise exception 'links' using errcode = '40001'; end if;
    end if;

    -- 4. New orders, before any order is locked: an insert may wait for another save's write of the same key, so it
    --    must not hold a lock that this other save still needs. Never an upsert: it would resurrect a merged order.
    if new_orders > 0 then
        insert into orders (order_id, source, status, currency, authorized, reserved, captured, refunded, disputed, lost, anomaly,
                            anomalies, version, first_event_at, last_event_at)
        select o_id[i], o_source[i], o_status[i], o_currency[i], o_authorized[i], o_reserved[i], o_captured[i], o_refunded[i],
               o_disputed[i], o_lost[i], o_anomaly[i], o_anomalies[i]::jsonb, nextval('order_version'), o_first[i], o_last[i]
          from (select i from generate_subscripts(o_id, 1) i where o_read[i] is null
                 order by o_id[i] collate "C", o_source[i] collate "C") as sorted (i);
    end if;

    -- 5. Known orders: lock all in key order, then write where the version is still the one that was read. A row gets
    --    a new version also when nothing else in it changes: what the batch added may decide what the next one means.
    if changed + gone > 0 then
        perform 1
           from unnest(o_id, o_source, o_read) as o (id, source, read)
           join orders t on t.order_id = o.id and t.source = o.source
          where o.read is not null
          order by t.order_id, t.source
            for update of t;
        update orders t
           set status = o.status, currency = o.currency, authorized = o.authorized, reserved = o.reserved,
               captured = o.captured, refunded = o.refunded, disputed = o.disputed, lost = o.lost, anomaly = o.anomaly,
               anomalies = o.anomalies::jsonb, version = nextval('order_version'), first_event_at = o.first,
               last_event_at = o.last, updated_at = now()
          from unnest(o_id, o_source, o_read, o_status, o_currency, o_authorized, o_reserved, o_captured, o_refunded,
                      o_disputed, o_lost, o_anomaly, o_anomalies, o_first, o_last)
            as o (id, source, read, status, currency, authorized, reserved, captured, refunded, disputed, lost, anomaly,
                  anomalies, first, last)
         where o.read is not null and o.status is not null
           and t.order_id = o.id and t.source = o.source and t.version = o.read;
        get diagnostics n = row_count;
        if n <> changed then raise exception 'orders' using errcode = '40001'; end if;
    end if;
    if gone > 0 then
        delete from orders t
         using unnest(o_id, o_source, o_read, o_status) as o (id, source, read, status)
         where o.read is not null and o.status is null
           and t.order_id = o.id and t.source = o.source and t.version = o.read;
        get diagnostics n = row_count;
        if n <> gone then raise exception 'ended orders' using errcode = '40001'; end if;
    end if;

    -- 6. Conflicts, kept once each; how many were new does not matter.
    if cardinality(c_id) > 0 then
        insert into conflicts (event_id, source, body_sha256, received_at, headers, payload)
        select c.id, c.source, c.body, c.received, c.headers::jsonb, c.payload
          from unnest(c_id, c_source, c_body, c_received, c_headers, c_payload)
            as c (id, source, body, received, headers, payload)
         order by c.id collate "C", c.source collate "C", c.body
            on conflict do nothing;
    end if;
end $$;

comment on function save_decided is
    'Writes one decided batch of events, payments and orders, or nothing if a row moved since it was read (40001).';
