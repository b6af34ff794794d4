"""Where the processor time of a webhook goes: in the whole, and in each of its limits by itself. Measured once."""

import contextlib
import os
import pathlib

from contestants import WARMUP_S, SignatureOnly
from limits import REDIS_CALLS
from servers import stat

CORES = 2
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def measure(comparison):
    """Microseconds by part: `whole` of a webhook with the `redis` lock, `alone` of what each limit does for one."""
    return {"whole": of_a_webhook(comparison), "alone": of_the_limits(comparison)}


def of_a_webhook(comparison):
    contestant = comparison.paylatch("redis").start()
    try:
        comparison.postgres.empty("product")
        server, redis = contestant.process.child.pid, comparison.redis.process.child.pid
        before = seconds(server), seconds(server, "lanes"), seconds(redis), of_postgres(comparison)
        report = comparison.bench.run(contestant.port, comparison.seconds, connections=comparison.connections)
        after = seconds(server), seconds(server, "lanes"), seconds(redis), of_postgres(comparison)
        stored = int(comparison.postgres.sql("product", "select count(*) from events"))
    finally:
        contestant.stop()
    all_threads, lanes, redis, postgres = (1e6 * (b - a) / stored for a, b in zip(before, after))
    parts = {"listener": all_threads - lanes, "lanes": lanes, "postgres": postgres, "redis": redis}
    return with_rest({**parts, "sending": sending(report)}, report["per_second"])


def of_the_limits(comparison):
    signature = SignatureOnly(comparison.programs["signature_only"], comparison.scratch).start()
    try:
        report = comparison.bench.run(signature.port, comparison.seconds, connections=comparison.connections)
        answered = report["per_second"] * (comparison.seconds + WARMUP_S)
        listener = 1e6 * seconds(signature.process.child.pid) / answered
    finally:
        signature.stop()
    before = of_postgres(comparison)
    comparison.ready_batches(2, comparison.ready_events)
    postgres = 1e6 * (of_postgres(comparison) - before) / comparison.ready_events
    before = seconds(comparison.redis.process.child.pid)
    comparison.limits.redis_rates()
    redis = 1e6 * (seconds(comparison.redis.process.child.pid) - before) / REDIS_CALLS
    return {"listener": listener, "postgres": postgres, "redis": redis, "sending": sending(report)}


def with_rest(parts, per_second):
    """What is left of both cores: they wait, or do something for nobody here."""
    return {**parts, "rest": 1e6 * CORES / per_second - sum(parts.values())}


def sending(report):
    return 1e6 * report["client_cpu"] / report["per_second"]


def of_postgres(comparison):
    """Of all its processes, also of those that have ended."""
    postmaster = comparison.postgres.process.child.pid
    parents = {pid: int(fields[1]) for pid, fields in all_processes()}
    children = [pid for pid, parent in parents.items() if parent == postmaster]
    return seconds(postmaster, children_too=True) + sum(map(seconds, children))


def seconds(pid, thread=None, children_too=False):
    """User and system time of a process, of one of its threads by name, or with its ended children."""
    if thread:
        tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
        pid = next(f"{pid}/task/{task.name}" for task in tasks if (task / "comm").read_text().strip() == thread)
    with contextlib.suppress(OSError):
        fields = stat(pathlib.Path(f"/proc/{pid}/stat"))
        return sum(map(int, fields[11 : 15 if children_too else 13])) / TICKS_A_SECOND
    return 0.0


def all_processes():
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            yield int(process.name), stat(process / "stat")
