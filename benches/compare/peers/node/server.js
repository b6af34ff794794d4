// A Stripe webhook handler as one would write it: verify, lock, one transaction with a unique key, release.
//
//   PORT, WORKERS, DATABASE_URL, REDIS_URL, STRIPE_SECRET
import cluster from 'node:cluster'
import { randomUUID } from 'node:crypto'
import express from 'express'
import { Redis } from 'ioredis'
import pg from 'pg'
import Stripe from 'stripe'

const { PORT, WORKERS, DATABASE_URL, REDIS_URL, STRIPE_SECRET } = process.env
const LOCK_TTL_MS = 2000
const LOCK_WAIT_MS = 2500
const LOCK_RETRY_MS = 25
const DATABASE_CONNECTIONS = 16

if (cluster.isPrimary) {
  for (let worker = 0; worker < Number(WORKERS); worker += 1) cluster.fork()
} else {
  serve()
}

function serve() {
  const stripe = new Stripe('sk_test_unused')
  const pool = new pg.Pool({ connectionString: DATABASE_URL, max: DATABASE_CONNECTIONS })
  const redis = new Redis(REDIS_URL, { enableAutoPipelining: true })
  redis.defineCommand('release', {
    numberOfKeys: 1,
    lua: "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end",
  })

  const app = express()
  app.disable('x-powered-by')
  app.disable('etag')
  app.post('/webhooks/stripe', express.raw({ type: 'application/json', limit: '1mb' }), async (request, response) => {
    let event
    try {
      event = stripe.webhooks.constructEvent(request.body, request.headers['stripe-signature'], STRIPE_SECRET)
    } catch {
      return response.status(401).json({ error: 'signature' })
    }
    const order = event.data.object.metadata?.order_id ?? event.data.object.id
    const key = `lock:${order}`
    const token = randomUUID()
    if (!(await acquire(redis, key, token))) return response.status(503).json({ error: 'busy' })
    try {
      await store(pool, event, order, request.body)
    } finally {
      await redis.release(key, token)
    }
    return response.json({ received: true })
  })
  app.listen(Number(PORT), '127.0.0.1')
}

async function acquire(redis, key, token) {
  const deadline = Date.now() + LOCK_WAIT_MS
  do {
    if (await redis.set(key, token, 'PX', LOCK_TTL_MS, 'NX')) return true
    await new Promise((resolve) => setTimeout(resolve, LOCK_RETRY_MS))
  } while (Date.now() < deadline)
  return false
}

async function store(pool, event, order, payload) {
  const client = await pool.connect()
  try {
    await client.query('begin')
    const inserted = await client.query({
      name: 'event',
      text: 'insert into webhook_events (event_id, type, payload) values ($1, $2, $3) on conflict do nothing',
      values: [event.id, event.type, payload],
    })
    if (inserted.rowCount === 1 && event.type === 'payment_intent.succeeded') {
      const { amount_received: amount, currency } = event.data.object
      await client.query({
        name: 'order',
        text: `insert into shop_orders (order_id, status, captured, currency) values ($1, 'paid', $2, $3)
               on conflict (order_id) do update set status = 'paid', captured = shop_orders.captured + excluded.captured,
                                                    updated_at = now()`,
        values: [order, amount, currency],
      })
    }
    await client.query('commit')
  } catch (error) {
    await client.query('rollback')
    throw error
  } finally {
    client.release()
  }
}
