"""Ships each paid order once: what it does and its place in the announcements commit together.

    pip install 'psycopg[binary]'
    DATABASE_URL=postgres://shop@localhost/shop python consumer.py
"""

import os
import time

import psycopg

CONSUMER = "shop-python"


def deal_with_a_page(database: psycopg.Connection) -> int:
    """One page in one transaction; tells how many orders it had."""
    with database.transaction():
        page = database.execute(
            "select change, order_id, source, status, captured, refunded from announcements_after(%s, 100)", [CONSUMER]
        ).fetchall()
        for _, order, source, status, captured, refunded in page:
            if status in ("paid", "partially_refunded") and captured > refunded:
                # One effect for an order, however often it changes.
                database.execute(
                    "insert into shipments (order_id, source, worker) values (%s, %s, %s) on conflict do nothing",
                    [order, source, CONSUMER],
                )
        if page:
            database.execute("select announcements_done(%s, %s)", [CONSUMER, max(row[0] for row in page)])
    return len(page)


def main() -> None:
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as database:
        while True:
            if deal_with_a_page(database) == 0:
                time.sleep(0.1)


if __name__ == "__main__":
    main()
