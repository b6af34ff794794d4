"""What it costs to note changes, and how fast they are told: one endpoint on loopback, and who asks."""

import http.client
import http.server
import json
import re
import statistics
import threading
import time
from datetime import datetime

from servers import Process, answers, free_port

DATABASE = "told"
NOTED = {"announce.enabled": "true"}
SECRET = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
# Pairs of turns with the log on and off.
PAIRS = 5
# Of a shop that is nearly idle.
IDLE_RATE, IDLE_S = 10, 30
DRAIN_S_MAX = 300
# Turns with an order that is refused and without one, each long enough for a 99th percentile.
REFUSED_PAIRS, REFUSED_RATE, REFUSED_S = 4, 100, 4


def measure(comparison):
    """Of what is told: orders a second, and milliseconds from a change to who is told of it. `--only told.NAME` is one of it."""
    measures = {
        "save": noted_against_not,
        "lag_ms": idle_lag,
        "beside_refused": beside_refused,
        "singly": lambda comparison: drained(comparison, 60_000, batch_max=1),
        "batches": lambda comparison: drained(comparison, 400_000, batch_max=100),
        "asked": lambda comparison: asked(comparison, 400_000),
    }
    only = comparison.only
    wanted = [name for name in measures if only is None or only & {"told", f"told.{name}"}]
    return {name: measures[name](comparison) for name in wanted}


def noted_against_not(comparison):
    """Webhooks a second while changes are noted, as a part of those while they are not; turns alternate."""
    pairs = []
    for _ in range(PAIRS):
        off = comparison.rate(comparison.paylatch("local"))
        pairs.append(comparison.rate(comparison.paylatch("local", DATABASE, **NOTED), DATABASE) / off)
    return statistics.median(pairs)


class Receiver:
    """Takes everything but what it is to refuse, and keeps how late each order comes: the message has the time of its row."""

    def __init__(self):
        self.lags, self.refused, self.refusals, self.refuses_next = [], None, 0, False
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                now = time.time()
                told = json.loads(self.rfile.read(int(self.headers["content-length"])))
                self.send_response(204 if receiver.takes(told, now) else 500)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def takes(self, told, now):
        order = told["data"]["order"]
        if self.refuses_next:
            self.refused, self.refuses_next = order, False
        if order == self.refused:
            self.refusals += 1
            return False
        self.lags.append(1000 * (now - datetime.fromisoformat(told["timestamp"]).timestamp()))
        return True

    def stop(self):
        self.server.shutdown()


def idle_lag(comparison):
    """From the order's row to the receiver."""
    receiver = Receiver()
    paylatch = telling(comparison, receiver.port).start()
    try:
        comparison.bench.run(paylatch.port, IDLE_S, connections=1, rate=IDLE_RATE)
        time.sleep(1)
    finally:
        paylatch.stop()
        receiver.stop()
    steps = statistics.quantiles(receiver.lags, n=100)
    return {"p50": steps[49], "p99": steps[98]}


def beside_refused(comparison):
    """The 99th percentile of all other orders while one is answered 500 for ever, tried every second, against that of the same
    without one; turns alternate."""
    receiver = Receiver()
    retries = ",".join(["1"] * 20)
    paylatch = telling(comparison, receiver.port, **{"endpoints.told.retry_s": retries}).start()
    p99 = {True: [], False: []}
    try:
        for is_refused in [False, True] * REFUSED_PAIRS:
            receiver.lags, receiver.refused, receiver.refuses_next = [], None, is_refused
            before = receiver.refusals
            comparison.bench.run(paylatch.port, REFUSED_S, connections=1, rate=REFUSED_RATE)
            p99[is_refused].append(statistics.quantiles(receiver.lags, n=100)[98])
            if is_refused and receiver.refusals - before < REFUSED_S:
                raise SystemExit(f"the refused order was tried {receiver.refusals - before} times in {REFUSED_S} s")
    finally:
        paylatch.stop()
        receiver.stop()
    ratios = [beside / without for without, beside in zip(p99[False], p99[True])]
    return {"p99_without": statistics.median(p99[False]), "ratio": statistics.median(ratios)}


def drained(comparison, orders, batch_max):
    """Orders a second from a full log to `paylatch listen`."""
    fill(comparison, orders)
    port = free_port()
    listen = [comparison.programs["paylatch"], "listen", "--port", str(port), "--secret", SECRET]
    receiver = Process(listen, comparison.scratch / "listen.log", directory="/")
    receiver.wait_until(lambda: answers(f"http://127.0.0.1:{port}/"), "paylatch listen")
    settings = {"endpoints.told.batch_max": batch_max, "endpoints.told.in_flight_max": 16, "announce.page_orders": 1000}
    try:
        paylatch = telling(comparison, port, **settings)
        return seconds_of(lambda: paylatch.start(), comparison, orders)
    finally:
        paylatch.stop()
        receiver.stop()


def seconds_of(start, comparison, orders):
    """The rate between the first page that was noted and the last one."""
    start()
    began, first = None, 0
    until = time.monotonic() + DRAIN_S_MAX
    while time.monotonic() < until:
        left = comparison.postgres.sql(DATABASE, LEFT)
        now = time.monotonic()
        told = orders - int(left or orders)
        if began is None and told > 0:
            began, first = now, told
        if told >= orders:
            return (told - first) / max(now - began, 1e-9)
        time.sleep(0.02)
    raise SystemExit(f"not all of {orders} orders were told within {DRAIN_S_MAX} s")


# Entries behind the endpoint's cursor.
LEFT = """select coalesce((select sum(cardinality(order_ids)) from order_changes where change > e.cursor / 256), 0)
  from endpoints e"""


def asked(comparison, orders):
    """Orders a second by pages of 1,000, one after the other."""
    fill(comparison, orders)
    paylatch = comparison.paylatch("local", DATABASE, **NOTED).start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", paylatch.admin_port)
        began, after, at_end = time.monotonic(), "", False
        while not at_end:
            connection.request("GET", f"/api/v1/announcements?limit=1000&after={after}")
            page = connection.getresponse().read()
            after, end = re.search(rb'"after":"([^"]*)","at_end":(true|false)}$', page).groups()
            after, at_end = after.decode(), end == b"true"
        return orders / (time.monotonic() - began)
    finally:
        paylatch.stop()


def fill(comparison, orders):
    """So many orders in the log, as the server saves them under load."""
    paylatch = comparison.paylatch("local", DATABASE, **NOTED).start()
    try:
        comparison.postgres.empty(DATABASE)
        comparison.bench.run(paylatch.port, 120, connections=comparison.connections, events=orders)
    finally:
        paylatch.stop()
    # What the server still has to do for the fill is no part of what telling costs.
    comparison.postgres.sql(DATABASE, "vacuum (analyze)")
    comparison.postgres.sql(DATABASE, "checkpoint")


def telling(comparison, port, **settings):
    endpoint = {"endpoints.told.url": f"http://127.0.0.1:{port}/", "endpoints.told.secrets": SECRET}
    return comparison.paylatch("local", DATABASE, **NOTED, **endpoint, **settings)
