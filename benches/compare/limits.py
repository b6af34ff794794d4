"""What bounds every contestant on this machine, written with the product's rows."""

import csv
import json
import pathlib
import re
import subprocess

from servers import find

HERE = pathlib.Path(__file__).parent
RELEASE = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end"
BATCH_EVENTS = 256
REDIS_CALLS = 400_000


class Limits:
    def __init__(self, programs, postgres, redis, scratch):
        self.programs, self.postgres, self.redis = programs, postgres, redis
        payload = (HERE.parent.parent / "src/cli/bench/payment.json").read_bytes()
        script = (HERE / "pgbench.sql").read_text().format(payload=f"\\x{payload.hex()}", digest=f"\\x{'07' * 32}")
        self.script = scratch / "pgbench.sql"
        self.script.write_text(script)

    def pgbench(self, database, clients, seconds):
        """Events per second, one a transaction."""
        self.postgres.empty(database)
        command = [find("pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", str(min(clients, 2)), "-T", str(seconds)]
        command += ["-f", self.script, self.postgres.url(database)]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return float(re.search(r"tps = ([\d.]+)", out)[1])

    def ready_batches(self, database, connections, events, batch_events=BATCH_EVENTS):
        """Events per second of load, decision and save, and the medians of their microseconds."""
        command = [self.programs["ready_batches"], self.postgres.url(database), connections, batch_events, events]
        out = subprocess.run(map(str, command), check=True, capture_output=True, text=True).stdout
        return json.loads(out)

    def redis_rates(self, calls=REDIS_CALLS):
        """Calls per second of taking a lock and of giving it back, pipelined."""
        key = ["lock:__rand_int__", "token"]
        taken = self._redis(calls, 64, 8, ["SET", *key, "PX", "2000", "NX"])
        given = self._redis(calls, 64, 8, ["EVAL", RELEASE, "1", *key])
        return float(taken["rps"]), float(given["rps"])

    def redis_round_trip_us(self):
        """The median of one call at a time."""
        return 1000 * float(self._redis(20_000, 1, 1, ["SET", "lock:1", "token", "PX", "2000"])["p50_latency_ms"])

    def _redis(self, calls, pipeline, clients, call):
        command = [find("redis-benchmark"), "-p", self.redis.port, "-P", pipeline, "-c", clients, "-n", calls, "-r", 1_000_000]
        out = subprocess.run(map(str, [*command, "--csv", *call]), check=True, capture_output=True, text=True).stdout
        head, row = csv.reader(out.strip().splitlines()[-2:])
        return dict(zip(head, row))
