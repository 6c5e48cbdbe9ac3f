"""What the console's queue costs at 10^6 renders of 20 brands, one of which has most, on SQLite and PostgreSQL.

``p95_ms_sqlite`` and ``p95_ms_postgresql``: a page of the queue (HTML with the numbers of its tabs) from a real web
process over loopback, asked for by a signed-in account, one request at a time, until its last byte. The pages are
shared evenly among the first one of each view, pages deep in a list (a cursor anywhere in it, both ways), those by
verdict, and those of one campaign. ``pages_ms`` has p50, p95 and p99 of each kind, and of the other rooms. The home is
bulk-made (benchmarks/many_renders.py), and 5,000 changes of its numbers wait for the relay.
"""

from __future__ import annotations

import http.client
import itertools
import os
import random
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

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
    pages: dict[str, dict[str, list[float]]] = {}
    made: dict[str, float] = {}
    for kind in ("sqlite", "postgresql"):
        with _database(kind) as loaded, many_renders(ROWS) as home:
            loaded()
            made[kind] = round(home.seconds)
            print(f"{kind}: {home.rows} renders made in {home.seconds:.0f} s", file=sys.stderr)
            with web_process(home.world.home) as port:
                pages[kind] = _measure(port, home, each)
    queue = {kind: list(itertools.chain(*(pages[kind][name] for name in QUEUE))) for kind in pages}
    return {
        **{f"p95_ms_{kind}": _percentile(times, 95) for kind, times in queue.items()},
        **{f"p50_ms_{kind}": round(statistics.median(times), 1) for kind, times in queue.items()},
        "rows": ROWS,
        "pages_ms": {
            kind: {name: [_percentile(times, at) for at in (50, 95, 99)] for name, times in by_name.items()}
            for kind, by_name in pages.items()
        },
        "made_s": made,
        "n": {kind: len(times) for kind, times in queue.items()},
        "interval": {f"p95_ms_{kind}": _interval(times) for kind, times in queue.items()},
        "inputs_sha256": inputs_digest([Path(__file__), Path(__file__).with_name("many_renders.py")]),
    }


@contextmanager
def _database(kind: str) -> Iterator[Callable[[], None]]:
    """This process's settings, and those of its children, point at a fresh database. To be called once it is filled."""
    from tests.servers.databases import as_this_process, serving
    from tests.servers.postgres import APP, postgres_server

    if kind == "sqlite":
        with as_this_process(""):
            yield lambda: None
        return
    with postgres_server() as server, serving(server):
        server.administer(
            f"ALTER ROLE {APP} SUPERUSER"
        )  # it makes the copies past the guard, as a restore does
        with as_this_process(server.url(server.create())):
            yield lambda: server.administer(f"ALTER ROLE {APP} NOSUPERUSER")


def _measure(port: int, home: Home, each: int) -> dict[str, list[float]]:
    ask = _signed_in(port, home)
    kinds = _addresses(home)
    for _, addresses in kinds.items():
        for _ in range(5):  # caches of the process and of the database
            ask(next(addresses))
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for _ in range(each):
        for name, addresses in kinds.items():
            address = next(addresses)
            began = time.perf_counter()
            ask(address)
            times[name].append((time.perf_counter() - began) * 1000)
    for name, found in times.items():
        print(f"  {name}: p95 {_percentile(found, 95)} ms over {len(found)}", file=sys.stderr)
    return times


def _signed_in(port: int, home: Home) -> Any:
    from core.database import reading
    from review_ui.security import COOKIE
    from review_ui.sessions import sign_in
    from review_ui.tables import AccountRow
    from tests.kit.world import PASSWORD

    with reading() as session:
        email = session.get_one(AccountRow, home.world.reviewer).email
    token, _ = sign_in(email, PASSWORD)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(address: str) -> str:
        connection.request("GET", address, headers={"cookie": f"{COOKIE}={token}"})
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status not in (200, 303):
            raise RuntimeError(f"{address} answered {answer.status}")
        return body

    return ask


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


def _percentile(times: list[float], at: int) -> float:
    return round(sorted(times)[min(len(times) - 1, int(len(times) * at / 100))], 1)


def _interval(times: list[float]) -> list[float]:
    """95 % bootstrap interval of the 95th percentile."""
    chance = random.Random(7)
    tops = sorted(_percentile(chance.choices(times, k=len(times)), 95) for _ in range(300))
    return [tops[7], tops[292]]


if __name__ == "__main__":
    finish(run(), GOAL)
