"""How the rate changes with stored rows, bodies, lanes, replicas and batch sizes; each measured once, after the rounds."""

import threading

from contestants import WARMUP_S

LANES = (1, 2, 3, 4)
REPLICAS = (1, 2, 3)
BATCH_EVENTS = (1, 4, 16, 64, 256, 1_024)
STORED_SHARES = (100, 10, 1)
BODY_BYTES = (1_500, 6_000, 16_000)
# What is built before a run for each of its seconds: more than are sent of the larger ones, and signing takes its time.
BODIES_PER_SECOND = 40_000


def measure(comparison):
    """Figures by table: what was varied, and what that gave."""
    return {
        "by_lanes": {lanes: comparison.rate_with_lanes(lanes) for lanes in LANES},
        "by_replicas": {count: of_replicas(comparison, count) for count in REPLICAS},
        "by_batch": {events: of_batches(comparison, events) for events in BATCH_EVENTS},
        "by_body": {size: of_bodies(comparison, size) for size in BODY_BYTES},
        "by_stored": dict(of_stored(comparison)),
    }


def of_replicas(comparison, count):
    """So many servers over one database and one Redis; the connections are divided among them."""
    replicas = [comparison.paylatch("redis").start() for _ in range(count)]
    try:
        comparison.postgres.empty("product")
        rates = []
        connections = comparison.connections // count

        def load(replica):
            rates.append(comparison.bench.run(replica.port, comparison.seconds, connections=connections)["per_second"])

        senders = [threading.Thread(target=load, args=[replica]) for replica in replicas]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        return sum(rates)
    finally:
        for replica in replicas:
            replica.stop()


def of_bodies(comparison, size):
    events = int((comparison.seconds + WARMUP_S) * BODIES_PER_SECOND)
    return comparison.rate(comparison.paylatch("redis"), body_bytes=size, events=events)


def of_batches(comparison, batch_events):
    comparison.postgres.empty("product")
    events = min(40_000, 1_500 * batch_events)
    return comparison.limits.ready_batches("product", 1, events, batch_events)["per_second"]


def of_stored(comparison):
    """The rate at a hundredth, a tenth and all of the events that are stored for it."""
    comparison.paylatch("local", "stored").start().stop()
    for share in STORED_SHARES:
        events = comparison.stored // share
        missing = events - int(comparison.postgres.sql("stored", "select count(*) from events"))
        if missing > 0:
            comparison.limits.ready_batches("stored", 2, missing)
        comparison.postgres.sql("stored", "vacuum (analyze)")
        yield events, comparison.stored_rate()
