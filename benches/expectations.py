#!/usr/bin/env python3
"""By how much a shop that states expectations slows the webhooks of a running server, in turns with and without.

    benches/expectations.py --bench target/release/paylatch-bench --config paylatch.toml \
        --admin http://127.0.0.1:8081 --ledger stripe --rate 1000 --turns 3 --seconds 10 -- --connections 64

What stands behind `--` goes to paylatch-bench; `--events 3000` there spares a debug build the time to make more. The admin token, if there is one, comes from PAYLATCH_ADMIN_TOKEN. It prints a line
for each turn, and the medians as JSON at the end; it fails when a turn was not clean or the rate was not kept.
"""
import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import urllib.parse

# A statement for so many orders goes out at once, as a shop does that gathers them for a moment.
PER_REQUEST = 100


class Shop(threading.Thread):
    """States `rate` expectations a second until it is told to stop, each of an order of its own."""

    def __init__(self, admin, ledger, rate, prefix):
        super().__init__(daemon=True)
        self.url, self.ledger, self.rate, self.prefix = urllib.parse.urlsplit(admin), ledger, rate, prefix
        self.stopped = threading.Event()
        self.stated, self.seconds, self.took_ms, self.failed = 0, 0.0, [], None

    def run(self):
        try:
            self.state()
        except (OSError, http.client.HTTPException, RuntimeError) as error:
            self.failed = error

    def state(self):
        headers = {"content-type": "application/x-ndjson"}
        if token := os.environ.get("PAYLATCH_ADMIN_TOKEN"):
            headers["authorization"] = f"Bearer {token}"
        connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=30)
        begun = time.monotonic()
        while not self.stopped.is_set():
            due = begun + self.stated / self.rate
            if (wait := due - time.monotonic()) > 0:
                time.sleep(wait)
            lines = "".join(
                json.dumps({"ledger": self.ledger, "order": f"{self.prefix}-{n}", "amount": 2000, "currency": "USD"}) + "\n"
                for n in range(self.stated, self.stated + PER_REQUEST))
            sent = time.monotonic()
            connection.request("POST", "/api/v1/expectations", lines, headers)
            answer = connection.getresponse()
            body = answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{answer.status} {body[:300]!r}")
            self.took_ms.append((time.monotonic() - sent) * 1000)
            self.stated += PER_REQUEST
        self.seconds = time.monotonic() - begun

    def end(self):
        self.stopped.set()
        self.join()
        if self.failed:
            sys.exit(f"expectations: {self.failed}")
        return self.stated / self.seconds


def webhooks(options):
    command = [options.bench, "--config", options.config, "--json", "--duration", str(options.seconds), *options.rest]
    run = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    if run.returncode:
        sys.exit(f"{' '.join(command)} ended with {run.returncode}")
    return json.loads(run.stdout)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bench", default="target/release/paylatch-bench")
    parser.add_argument("--config", default="paylatch.toml")
    parser.add_argument("--admin", default="http://127.0.0.1:8081")
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("rest", nargs="*")
    options = parser.parse_args()
    # The first statement has changes of orders noted from then on: so they are in every turn.
    first = Shop(options.admin, options.ledger, PER_REQUEST, f"shop-{os.getpid()}-first")
    first.start()
    webhooks(options)
    first.end()
    alone, beside, kept, took = [], [], [], []
    for turn in range(options.turns):
        alone.append(webhooks(options)["per_second"])
        shop = Shop(options.admin, options.ledger, options.rate, f"shop-{os.getpid()}-{turn}")
        shop.start()
        beside.append(webhooks(options)["per_second"])
        kept.append(shop.end())
        took += shop.took_ms
        print(f"turn {turn + 1}: {alone[-1]:.0f}/s alone, {beside[-1]:.0f}/s beside {kept[-1]:.0f} expectations/s",
              file=sys.stderr)
    took.sort()
    told = {
        "webhooks_per_second_alone": statistics.median(alone),
        "webhooks_per_second_beside": statistics.median(beside),
        "ratio": statistics.median(beside) / statistics.median(alone),
        "expectations_per_second": statistics.median(kept),
        "request_of_100_ms": {"p50": took[len(took) // 2], "p99": took[len(took) * 99 // 100]},
    }
    print(json.dumps(told, indent=1))
    if min(kept) < 0.95 * options.rate:
        sys.exit(f"the rate was not kept: {min(kept):.0f} of {options.rate} expectations/s")


if __name__ == "__main__":
    main()
