"""Writes the measured part of docs/performance.md, between its markers, and docs/performance.svg."""

import json
import pathlib
import statistics

import plot

HERE = pathlib.Path(__file__).parent
DOCS = HERE.parent.parent / "docs"
FIGURES = HERE / "results" / "figures.json"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"

# Measure, what it is called, what it is.
LIMITS = [
    ("pgbench_1", "pgbench, 1 client", "one event a transaction, the product's rows"),
    ("pgbench_8", "pgbench, 8 clients", "the same"),
    ("pgbench_32", "pgbench, 32 clients", "the same"),
    ("ready_batches_1", "ready batches, 1 connection", "the product's load, decision and save, 256 events each"),
    ("ready_batches", "ready batches, 2 connections", "the same"),
    ("signature_only", "signature only", "the product's listener and check, nothing behind"),
    ("redis_pair", "Redis, pipelined", "one `SET NX PX` and one `EVAL` an event"),
]
CONTESTANTS = [
    ("paylatch_local", "Paylatch, `local` lock", "Postgres"),
    ("paylatch_redis", "Paylatch, `redis` lock", "Postgres"),
    ("paylatch_postgres", "Paylatch, `postgres` lock", "Postgres"),
    ("paylatch_sqlite", "Paylatch, `local` lock", "SQLite, `synchronous=FULL`"),
    ("node", "Node", "Express + stripe + ioredis + pg"),
    ("python", "Python", "FastAPI + stripe + redis-py + asyncpg"),
]
SPECIAL = [
    ("duplicates", "Paylatch, `local` lock", "duplicates of known events"),
    ("hot_order", "Paylatch, `local` lock", "orders of 2,000 events, one after the other"),
]
GROWTH = [
    ("by_stored", "events stored before, `local` lock", "webhooks a second"),
    ("by_body", "bytes of a body, `redis` lock", "webhooks a second"),
    ("by_lanes", "lanes, `redis` lock", "webhooks a second"),
    ("by_replicas", "replicas on the same two cores, `redis` lock", "webhooks a second"),
    ("by_batch", "events in a ready batch, 1 connection", "events a second"),
]
BUDGET = [
    ("listener", "Paylatch: listener", "HTTP, signature, reading the event, its answer", "signature only"),
    ("lanes", "Paylatch: lanes", "leases, decision, encoding, what is remembered", ""),
    ("postgres", "Postgres", "load and save", "ready batches"),
    ("redis", "Redis", "leases taken and given back", "pipelined"),
    ("sending", "the load generator", "one request, one answer", "signature only"),
    ("rest", "nobody", "both cores wait, or the kernel works for none of these", ""),
]
DATABASE_CORES = (2, 4, 8, 16)
SHOWN_LIMITS = ("pgbench_32", "ready_batches", "signature_only")


def keep(figures):
    FIGURES.parent.mkdir(exist_ok=True)
    FIGURES.write_text(json.dumps(figures, indent=1))


def middle(value):
    return statistics.median(value) if isinstance(value, list) else value


def write():
    figures = json.loads(FIGURES.read_text())
    page = DOCS / "performance.md"
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    page.write_text(f"{before}{BEGIN}\n{measured(figures)}\n{END}{after}")
    (DOCS / "performance.svg").write_text(plot.bars(chart(figures)))


def chart(figures):
    """Name, rate and group of each bar."""
    limits = [(name, middle(figures[key]), "limit") for key, name, _ in LIMITS if key in SHOWN_LIMITS]
    plain = [(f"{name}, {what}".replace("`", ""), middle(figures[key]), key.partition("_")[0]) for key, name, what in CONTESTANTS]
    return limits + plain


def measured(figures):
    m = {name: middle(value) for name, value in figures.items()}
    reference = best_pgbench(m)
    parts = [
        f"Medians of {m['rounds']} rounds of {m['seconds']:g} s a turn, lowest and highest in brackets; distinct orders and "
        f"256 connections unless said. Served best, of some tried before: lanes of Paylatch {m['lanes']}, workers of Node "
        f"{m['workers']['node']}, of Python {m['workers']['python']}.",
        table(["limit", "", "a second", "of pgbench's best"], rates(LIMITS, figures, reference)),
        table(["contestant", "", "webhooks a second", "of pgbench's best"], rates(CONTESTANTS, figures, reference)),
        table(["Paylatch otherwise", "", "webhooks a second", "of pgbench's best"], rates(SPECIAL, figures, reference)),
        latencies(m),
        bars(figures),
        budget(m["budget"]),
        paper(m),
        *grown(m["growth"]),
    ]
    return "\n\n".join(parts)


def rates(rows, figures, reference):
    for key, name, what in rows:
        middle_rate, low, high = middle(figures[key]), min(figures[key]), max(figures[key])
        yield name, what.format(**figures), f"**{middle_rate:,.0f}** ({low:,.0f}-{high:,.0f})", f"{middle_rate / reference:.2f}x"


def latencies(m):
    rows = [
        ("pgbench, 1 client", "mean", f"{1000 / m['pgbench_1']:.2f}"),
        ("one connection, `local` lock", "p50", f"{m['single_local_us'] / 1000:.2f}"),
        ("one connection, `redis` lock", "p50", f"{m['single_redis_us'] / 1000:.2f}"),
        ("one call to Redis", "p50", f"{m['redis_round_trip_us'] / 1000:.2f}"),
    ]
    for lock in ("local", "redis"):
        half = m[f"half_load_{lock}"]
        rows.append((f"half of the highest rate ({half['rate']:,}/s, open loop), `{lock}` lock", "p50, p99, p99.9",
                     ", ".join(f"{half[p] / 1000:.1f}" for p in ("p50", "p99", "p99_9"))))
    rows += [
        ("start to ready on a migrated database", "once", f"{m['ready_ms']:.0f}"),
    ]
    beside = (f"Resident memory: {m['idle_mb']:.0f} MB idle, {m['full_load_mb']:.0f} MB after full load. "
              f"WAL: {m['wal_bytes']:,.0f} bytes an event. Sending kept {m['client_cpu']:.2f} of a core busy.")
    return table(["latency", "", "ms"], rows) + "\n\n" + beside


def bars(figures):
    """What was wanted, and the median over the rounds of what each round gave: a machine's speed changes between them."""
    rounds = [{name: value[n] if isinstance(value, list) else value for name, value in figures.items()} for n in range(figures["rounds"])]
    shown = []
    for what, wanted, unit, bar, measure in BARS:
        value = statistics.median(measure(m) for m in rounds)
        met = value <= bar if wanted.startswith("<=") else value >= bar
        what = what.format(floor=f"{statistics.median(map(floor, rounds)):,.0f}", stored=most_stored(figures))
        shown.append((what, wanted, f"**{value:,.{0 if value >= 20 else 2}f}{unit}**",
                      "-" if wanted == "shown" else "yes" if met else "**no**"))
    return table(["bar", "wanted", "measured", "met"], shown)


def best_pgbench(m):
    return max(m["pgbench_1"], m["pgbench_8"], m["pgbench_32"])


def floor(m):
    """What the parts would give if nothing were lost between them."""
    return 1 / (1 / m["ready_batches"] + 1 / m["signature_only"] + 1 / m["redis_pair"])


def single(m, lock, less_us=0):
    """The latency of one connection, as a multiple of pgbench's."""
    return (m[f"single_{lock}_us"] - less_us) * m["pgbench_1"] / 1e6


BARS = [
    ("`redis` lock against pgbench's best", ">= 3x", "x", 3, lambda m: m["paylatch_redis"] / best_pgbench(m)),
    ("`redis` lock against the floor of its parts, {floor}/s", ">= 75 %", " %", 75, lambda m: 100 * m["paylatch_redis"] / floor(m)),
    ("`redis` lock against the best peer", ">= 8x", "x", 8, lambda m: m["paylatch_redis"] / max(m["node"], m["python"])),
    ("one connection, `local` lock, against pgbench's latency", "<= 2.5x", "x", 2.5, lambda m: single(m, "local")),
    ("one connection, `redis` lock less two round trips, the same", "<= 2.5x", "x", 2.5,
     lambda m: single(m, "redis", 2 * m["redis_round_trip_us"])),
    ("duplicates against signature only", ">= 80 %", " %", 80, lambda m: 100 * m["duplicates"] / m["signature_only"]),
    ("on {stored} stored events against empty tables", ">= 75 %", " %", 75, lambda m: 100 * stored_rate(m) / m["paylatch_local"]),
    ("hot orders against distinct ones", ">= 50 %", " %", 50, lambda m: 100 * m["hot_order"] / m["paylatch_local"]),
    ("SQLite", ">= 5,000/s", "/s", 5_000, lambda m: m["paylatch_sqlite"]),
    ("changes noted against not", ">= 95 %", " %", 95, lambda m: 100 * m["told"]["save"]),
    ("told when idle, p50", "<= 20 ms", " ms", 20, lambda m: m["told"]["lag_ms"]["p50"]),
    ("told when idle, p99", "<= 150 ms", " ms", 150, lambda m: m["told"]["lag_ms"]["p99"]),
    ("p99 of others beside an order that is refused for ever", "<= 1.1x", "x", 1.1, lambda m: m["told"]["beside_refused"]["ratio"]),
    ("orders told one by one", ">= 5,000/s", "/s", 5_000, lambda m: m["told"]["singly"]),
    ("orders told in batches of 100", ">= 50,000/s", "/s", 50_000, lambda m: m["told"]["batches"]),
    ("orders asked for in pages of 1,000", ">= 100,000/s", "/s", 100_000, lambda m: m["told"]["asked"]),
    ("`redis` lock against `local`", "shown", " %", 0, lambda m: 100 * m["paylatch_redis"] / m["paylatch_local"]),
]


def budget(microseconds):
    """Where the processor time of a webhook goes, beside what the same costs alone."""
    whole, alone = microseconds["whole"], microseconds["alone"]
    rows = [
        (part, what, f"{whole[key]:.1f}", f"{alone[key]:.1f} ({limit})" if key in alone else "-")
        for key, part, what, limit in BUDGET
    ]
    rows.append(("**both cores**", "", f"**{sum(whole.values()):.1f}**", ""))
    return table(["processor time, `redis` lock", "for", "us a webhook", "us alone"], rows)


def paper(m):
    """What a cluster would carry: computed, not measured."""
    whole, wal_bytes = m["budget"]["whole"], m["wal_bytes"]
    server = whole["listener"] + whole["lanes"]
    rows = []
    for cores in DATABASE_CORES:
        rate = 1e6 * cores / whole["postgres"]
        rows.append((f"{cores}", f"{rate:,.0f}", f"{rate * wal_bytes / 1e6:,.0f} MB/s", f"{rate * server / 1e6:.1f}", f"{100 * rate * whole['redis'] / 1e6:.0f} %"))
    return table(["on paper: cores of Postgres", "webhooks a second", "its log", "cores of all replicas", "of one Redis"], rows)


def most_stored(m):
    return f"{max(map(int, m['growth']['by_stored'])):,}"


def stored_rate(m):
    return list(m["growth"]["by_stored"].values())[-1]


def grown(growth):
    """The tables of how cost grows."""
    for key, what, unit in GROWTH:
        rates = growth[key]
        first = next(iter(rates.values()))
        rows = ((f"{int(varied):,}", f"{rate:,.0f}", f"{rate / first:.2f}x") for varied, rate in rates.items())
        yield table([what, unit, "of the first"], rows)


def table(head, rows):
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
