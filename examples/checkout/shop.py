"""A shop's side of a checkout: states what an order should cost, and ships what is settled. Needs Python 3 alone.

    python shop.py order order-1001 2000 USD    when the customer checks out, before the redirect to the provider
    python shop.py returned order-1001          when the customer comes back from it
    python shop.py fulfil                       every few seconds, or when told of a change: ships what is settled, once
"""
import json
import os
import sqlite3
import sys
import urllib.error
import urllib.parse
import urllib.request

API = os.environ.get("PAYLATCH_API", "http://127.0.0.1:8081") + "/api/v1"
LEDGER = os.environ.get("PAYLATCH_LEDGER", "stripe")
TOKEN = os.environ.get("PAYLATCH_ADMIN_TOKEN")


def ask(method, path, body=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {TOKEN}"} if TOKEN else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(API + path, data, headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def path_of(order):
    return f"/expectations/{LEDGER}/{urllib.parse.quote(order, safe='')}"


def shop():
    """The shop's own database: orders to state, and what was shipped."""
    database = sqlite3.connect(os.environ.get("SHOP_DATABASE", "shop.db"))
    database.execute("create table if not exists orders (id text primary key, revision int, amount int, currency text, stated int)")
    database.execute("create table if not exists shipments (order_id text primary key)")
    return database


def order(database, order_id, amount, currency):
    """Keeps the order; the checkout goes on whether or not Paylatch can be reached now."""
    with database:
        database.execute("insert into orders values (?, 1, ?, ?, 0)", (order_id, int(amount), currency))
    state(database)


def state(database):
    """States what was not stated yet. Stated twice, it counts once."""
    for order_id, revision, amount, currency in database.execute(
        "select id, revision, amount, currency from orders where stated = 0"
    ).fetchall():
        try:
            ask("PUT", path_of(order_id), {"amount": amount, "currency": currency, "revision": revision})
        except urllib.error.HTTPError as refused:
            if refused.code < 500:
                raise
            continue
        except urllib.error.URLError:
            continue
        with database:
            database.execute("update orders set stated = 1 where id = ?", (order_id,))


def returned(_, order_id):
    ask("POST", path_of(order_id) + "/returned", {})


def fulfil(database):
    """Ships what is settled. The key of `shipments` decides that it is shipped once, whoever else fulfils at this moment."""
    state(database)
    waiting = "select id from orders where stated = 1 and id not in (select order_id from shipments)"
    for (order_id,) in database.execute(waiting).fetchall():
        told = ask("GET", path_of(order_id))
        # overpaid: all is there, and somebody gives back what is too much.
        if told["settlement"] in ("settled", "overpaid") and told["held"] >= told["expected"]["amount"]:
            with database:
                shipped = database.execute("insert or ignore into shipments values (?)", (order_id,)).rowcount
            if shipped:
                print("shipped", order_id)


if __name__ == "__main__":
    {"order": order, "returned": returned, "fulfil": fulfil}[sys.argv[1]](shop(), *sys.argv[2:])
