"""A Stripe webhook handler as one would write it: verify, lock, one transaction with a unique key, release.

DATABASE_URL, REDIS_URL, STRIPE_SECRET; served by `uvicorn server:app --workers N`.
"""

import asyncio
import os
import time
import uuid
from contextlib import asynccontextmanager

import asyncpg
import redis.asyncio as redis
import stripe
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

LOCK_TTL_MS = 2000
LOCK_WAIT_S = 2.5
LOCK_RETRY_S = 0.025
DATABASE_CONNECTIONS = 16
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"


@asynccontextmanager
async def lifespan(app: FastAPI):
    app.state.database = await asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=DATABASE_CONNECTIONS, max_size=DATABASE_CONNECTIONS
    )
    app.state.redis = redis.from_url(os.environ["REDIS_URL"])
    app.state.release = app.state.redis.register_script(RELEASE)
    yield
    await app.state.redis.aclose()
    await app.state.database.close()


app = FastAPI(lifespan=lifespan, openapi_url=None)
SECRET = os.environ["STRIPE_SECRET"]


@app.post("/webhooks/stripe")
async def webhook(request: Request) -> JSONResponse:
    payload = await request.body()
    try:
        event = stripe.Webhook.construct_event(payload, request.headers.get("stripe-signature"), SECRET)
    except (ValueError, stripe.SignatureVerificationError):
        return JSONResponse({"error": "signature"}, status_code=401)
    stated = event["data"]["object"]
    metadata = stated["metadata"]
    order = metadata["order_id"] if "order_id" in metadata else stated["id"]
    key, token = f"lock:{order}", uuid.uuid4().hex
    if not await acquire(key, token):
        return JSONResponse({"error": "busy"}, status_code=503)
    try:
        await store(event, order, payload)
    finally:
        await app.state.release(keys=[key], args=[token])
    return JSONResponse({"received": True})


async def acquire(key: str, token: str) -> bool:
    deadline = time.monotonic() + LOCK_WAIT_S
    while True:
        if await app.state.redis.set(key, token, nx=True, px=LOCK_TTL_MS):
            return True
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(LOCK_RETRY_S)


async def store(event: stripe.Event, order: str, payload: bytes) -> None:
    async with app.state.database.acquire() as connection, connection.transaction():
        inserted = await connection.execute(
            "insert into webhook_events (event_id, type, payload) values ($1, $2, $3) on conflict do nothing",
            event["id"],
            event["type"],
            payload,
        )
        if inserted == "INSERT 0 1" and event["type"] == "payment_intent.succeeded":
            stated = event["data"]["object"]
            await connection.execute(
                """insert into shop_orders (order_id, status, captured, currency) values ($1, 'paid', $2, $3)
                   on conflict (order_id) do update set status = 'paid', updated_at = now(),
                                                        captured = shop_orders.captured + excluded.captured""",
                order,
                stated["amount_received"],
                stated["currency"],
            )
