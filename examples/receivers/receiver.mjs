// Takes announcements, and keeps the newest state of each order.
//
//     npm install standardwebhooks pg
//     SECRET=whsec_... PORT=8090 DATABASE=postgres://shop@localhost/shop node receiver.mjs
import http from 'node:http';
import pg from 'pg';
import { Webhook } from 'standardwebhooks';

const BODY_BYTES_MAX = 1 << 20;
const TABLE = `
  create table if not exists told_orders (
    source text, "order" text, epoch bigint, version bigint, status text, captured bigint, refunded bigint,
    primary key (source, "order"))`;
// One statement: it inserts, or replaces what is older, or does nothing. Two messages about one order that come at the same
// time, in whatever order, leave the newer one.
const KEEP_IF_NEWER = `
  insert into told_orders as known values ($1, $2, $3, $4, $5, $6, $7)
  on conflict (source, "order") do update
     set epoch = excluded.epoch, version = excluded.version, status = excluded.status,
         captured = excluded.captured, refunded = excluded.refunded
   where (excluded.epoch, excluded.version) > (known.epoch, known.version)`;

const webhook = new Webhook(process.env.SECRET);
const database = new pg.Pool({ connectionString: process.env.DATABASE, max: 4 });
await database.query(TABLE);

/** The body as it came; nothing if it is too long. */
async function bytesOf(request) {
  const chunks = [];
  let length = 0;
  for await (const chunk of request) {
    length += chunk.length;
    if (length > BODY_BYTES_MAX) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function receive(request) {
  const body = await bytesOf(request);
  if (body === null) return [413];
  try {
    // Over the bytes as they came, before anything is read from them.
    webhook.verify(body.toString('utf8'), request.headers);
  } catch {
    return [400];
  }
  const messages = JSON.parse(body);
  for (const { type, data } of Array.isArray(messages) ? messages : [messages]) {
    // Settlements have a ledger instead of a source, and would go into a table of their own.
    if (!type.startsWith('order.')) continue;
    const { source, order, epoch, version, status, captured, refunded } = data;
    await database.query(KEEP_IF_NEWER, [source, order, epoch, version, status, captured, refunded]);
  }
  // Only now: what is not answered 2xx comes again.
  return [204];
}

async function orders() {
  const { rows } = await database.query(
    'select source, "order", epoch::float8, version::float8, captured::float8 from told_orders');
  return [200, JSON.stringify(rows)];
}

http.createServer(async (request, response) => {
  try {
    const [status, body] = await (request.method === 'POST' ? receive(request) : orders());
    response.writeHead(status).end(body);
  } catch (error) {
    console.error(error);
    response.writeHead(500).end();
  }
}).listen(Number(process.env.PORT), '127.0.0.1');
