"""Takes announcements, and keeps the newest state of each order.

    pip install standardwebhooks
    SECRET=whsec_... PORT=8090 DATABASE=orders.db python receiver.py
"""

import json
import os
import sqlite3
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

BODY_BYTES_MAX = 1 << 20
TABLE = """
    create table if not exists orders (
        source text, "order" text, epoch integer, version integer, status text, captured integer, refunded integer,
        primary key (source, "order"))"""
# One statement: it inserts, or replaces what is older, or does nothing. Two messages about one order that come at the same
# time, in whatever order, leave the newer one.
KEEP_IF_NEWER = """
    insert into orders values (:source, :order, :epoch, :version, :status, :captured, :refunded)
    on conflict (source, "order") do update
       set epoch = excluded.epoch, version = excluded.version, status = excluded.status,
           captured = excluded.captured, refunded = excluded.refunded
     where (excluded.epoch, excluded.version) > (orders.epoch, orders.version)"""


def database():
    connection = sqlite3.connect(os.environ["DATABASE"], timeout=5)
    connection.row_factory = sqlite3.Row
    return closing(connection)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if length > BODY_BYTES_MAX:
            return self.answer(413)
        body = self.rfile.read(length)
        headers = {name.lower(): value for name, value in self.headers.items()}
        try:
            # Over the bytes as they came, before anything is read from them.
            Webhook(os.environ["SECRET"]).verify(body, headers)
        except WebhookVerificationError:
            return self.answer(400)
        messages = json.loads(body)
        with database() as connection, connection:
            for message in messages if isinstance(messages, list) else [messages]:
                # Settlements have a ledger instead of a source, and would go into a table of their own.
                if message["type"].startswith("order."):
                    connection.execute(KEEP_IF_NEWER, message["data"])
        # Only now: what is not answered 2xx comes again.
        return self.answer(204)

    def do_GET(self):
        with database() as connection:
            orders = [dict(row) for row in connection.execute("select * from orders")]
        self.answer(200, json.dumps(orders).encode())

    def answer(self, status, body=b""):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


if __name__ == "__main__":
    with database() as connection, connection:
        connection.execute(TABLE)
    ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Receiver).serve_forever()
