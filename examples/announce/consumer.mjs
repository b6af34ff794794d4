// Ships each paid order once: what it does and its place in the announcements commit together.
//
//     npm install pg
//     DATABASE_URL=postgres://shop@localhost/shop node consumer.mjs
import pg from 'pg';
import { setTimeout as sleep } from 'node:timers/promises';

const CONSUMER = 'shop-node';

/** One page in one transaction; tells how many orders it had. */
async function dealWithAPage(database) {
  await database.query('begin');
  try {
    const { rows } = await database.query(
      'select change, order_id, source, status, captured, refunded from announcements_after($1, 100)', [CONSUMER]);
    for (const { order_id, source, status, captured, refunded } of rows) {
      // bigint arrives as text: compare numbers, not words.
      if (['paid', 'partially_refunded'].includes(status) && BigInt(captured) > BigInt(refunded)) {
        // One effect for an order, however often it changes.
        await database.query(
          'insert into shipments (order_id, source, worker) values ($1, $2, $3) on conflict do nothing',
          [order_id, source, CONSUMER]);
      }
    }
    if (rows.length > 0) {
      await database.query('select announcements_done($1, $2)', [CONSUMER, rows.at(-1).change]);
    }
    await database.query('commit');
    return rows.length;
  } catch (error) {
    await database.query('rollback').catch(() => {});
    throw error;
  }
}

const database = new pg.Client({ connectionString: process.env.DATABASE_URL });
await database.connect();
for (;;) {
  if (await dealWithAPage(database) === 0) await sleep(100);
}
