"""What the console's queue costs at 10^6 renders of 20 brands, one of which has most, on SQLite and PostgreSQL.

``p95_ms_sqlite`` and ``p95_ms_postgresql``: a page of the queue (HTML with the numbers of its tabs) from a real web
process over loopback, asked for by a signed-in account, one request at a time, until its last byte. The pages are
shared evenly among the first one of each view, pages deep in a list (a cursor anywhere in it, both ways), those by
verdict, and those of one campaign. ``pages_ms`` has p50, p95 and p99 of each kind, and of the other rooms. The home is
bulk-made (benchmarks/many_renders.py), and 5,000 changes of its numbers wait for the relay.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.asked_pages import Times, filled_database, measure, signed_in, told
from benchmarks.harness import finish, full, inputs_digest
from benchmarks.many_renders import Home, id_of, is_main, many_renders, moment_of
from benchmarks.served import web_process

GOAL = {"p95_ms_sqlite": "<= 100", "p95_ms_postgresql": "<= 100", "rows": ">= 1000000"}
ROWS = 1_000_000
QUEUE = ("first", "deep", "gravest", "campaign")
"""Kinds of pages of the queue: the headline's. The other kinds are told beside it."""


def run() -> dict[str, Any]:
    os.environ.setdefault("GREENROOM_ENVIRONMENT", "test")
    each = 2_000 if full() else 250
    pages: dict[str, Times] = {}
    made: dict[str, float] = {}
    for kind in ("sqlite", "postgresql"):
        with filled_database(kind) as loaded, many_renders(ROWS) as home:
            loaded()
            made[kind] = round(home.seconds)
            print(f"{kind}: {home.rows} renders made in {home.seconds:.0f} s", file=sys.stderr)
            with web_process(home.world.home) as port, signed_in(port, home.world.reviewer) as ask:
                pages[kind] = measure(ask, _addresses(home), each)
    return {
        **told(pages, QUEUE),
        "rows": ROWS,
        "made_s": made,
        "inputs_sha256": inputs_digest(
            [
                Path(__file__).with_name(f"{name}.py")
                for name in ("console_queue", "asked_pages", "many_renders")
            ]
        ),
    }


def _addresses(home: Home) -> dict[str, Iterator[str]]:
    """Endless addresses of each kind, the same in each run."""
    from pipeline.paging import Cursor, Place
    from review_ui.pages.queue import VIEWS

    chance = random.Random(9)

    def cursor(order: str, rank: int = 0) -> str:
        number = chance.randrange(ROWS)
        return Cursor(order, chance.random() < 0.3, Place(rank, moment_of(number), id_of(number))).text()

    def mine() -> str:
        return id_of(next(number for number in iter(lambda: chance.randrange(ROWS), None) if is_main(number)))

    def page(**words: str) -> str:
        return "/?" + urlencode({name: word for name, word in words.items() if word})

    def deep() -> str:
        view = chance.choice([*VIEWS])
        order = chance.choice(["oldest", "newest"])
        return page(view=view, order=order, cursor=cursor(order))

    def gravest() -> str:
        return page(
            view="review",
            order="gravest",
            cursor=chance.choice(["", cursor("gravest", chance.choice([1, 3]))]),
        )

    def of_campaign() -> str:
        order = chance.choice(["oldest", "newest"])
        at = chance.choice(["", cursor(order)])
        return page(
            view=chance.choice([*VIEWS]), campaign=chance.choice(home.campaigns), order=order, cursor=at
        )

    kinds = {
        "first": lambda: page(view=chance.choice([*VIEWS])),
        "deep": deep,
        "gravest": gravest,
        "campaign": of_campaign,
        "campaigns": lambda: "/campaigns",
        "one campaign": lambda: f"/campaigns/{chance.choice(home.campaigns)}",
        "authorities": lambda: "/authorities",
        "find": lambda: f"/find?q={mine().replace('rnd_', 'order-')}",
        "one render": lambda: f"/renders/{mine()}",
    }
    return {name: iter(make, None) for name, make in kinds.items()}


if __name__ == "__main__":
    finish(run(), GOAL)
