"""Pages asked of a real web process by a signed-in account, one at a time, and how long each took to its last byte."""

from __future__ import annotations

import http.client
import random
import statistics
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing, contextmanager
from itertools import chain
from typing import Any

Times = dict[str, list[float]]
"""Milliseconds by the kind of page."""


@contextmanager
def filled_database(kind: str) -> Iterator[Callable[[], None]]:
    """This process's settings, and those of its children, point at a fresh database. To be called once it is filled.

    Args:
        kind: ``sqlite`` or ``postgresql``.
    """
    from tests.servers.databases import as_this_process, serving
    from tests.servers.postgres import APP, postgres_server

    if kind == "sqlite":
        with as_this_process(""):
            yield lambda: None
        return
    with postgres_server() as server, serving(server):
        # It makes the copies past the guard, as a restore does.
        server.administer(f"ALTER ROLE {APP} SUPERUSER")
        with as_this_process(server.url(server.create())):
            yield lambda: server.administer(f"ALTER ROLE {APP} NOSUPERUSER")


@contextmanager
def signed_in(port: int, account_id: str) -> Iterator[Callable[[str], str]]:
    """What asks the web process on this port for an address, as this account, and gives what it answers.

    The function raises RuntimeError where the answer is neither a page nor a way on to one.
    """
    from core.database import reading
    from review_ui.security import COOKIE
    from review_ui.sessions import sign_in
    from review_ui.tables import AccountRow
    from tests.kit.world import PASSWORD

    with reading() as session:
        email = session.get_one(AccountRow, account_id).email
    token, _ = sign_in(email, PASSWORD)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(address: str) -> str:
        connection.request("GET", address, headers={"cookie": f"{COOKIE}={token}"})
        answer = connection.getresponse()
        body = answer.read().decode()
        if answer.status not in (200, 303):
            raise RuntimeError(f"{address} answered {answer.status}")
        return body

    with closing(connection):
        yield ask


def measure(ask: Callable[[str], str], kinds: Mapping[str, Iterator[str]], each: int) -> Times:
    """Ask for ``each`` pages of each kind, the kinds in turn, after a few that fill the caches."""
    for addresses in kinds.values():
        for _ in range(5):  # caches of the process and of the database
            ask(next(addresses))
    times: Times = {name: [] for name in kinds}
    for _ in range(each):
        for name, addresses in kinds.items():
            address = next(addresses)
            began = time.perf_counter()
            ask(address)
            times[name].append((time.perf_counter() - began) * 1000)
    for name, found in times.items():
        print(f"  {name}: p95 {percentile(found, 95)} ms over {len(found)}", file=sys.stderr)
    return times


def percentile(times: list[float], at: int) -> float:
    """This many of a hundred took no longer, in milliseconds."""
    return round(sorted(times)[min(len(times) - 1, int(len(times) * at / 100))], 1)


def told(pages: Mapping[str, Times], headline: Collection[str]) -> dict[str, Any]:
    """What a benchmark's document says of the pages of each database; its ``p95_ms_...`` are over the headline's kinds.

    ``pages_ms`` has p50, p95 and p99 of every kind.
    """
    times = {base: [*chain(*(by_kind[name] for name in headline))] for base, by_kind in pages.items()}
    return {
        **{f"p95_ms_{base}": percentile(found, 95) for base, found in times.items()},
        **{f"p50_ms_{base}": round(statistics.median(found), 1) for base, found in times.items()},
        "pages_ms": {
            base: {name: [percentile(found, at) for at in (50, 95, 99)] for name, found in by_kind.items()}
            for base, by_kind in pages.items()
        },
        "n": {base: len(found) for base, found in times.items()},
        "interval": {f"p95_ms_{base}": _interval(found) for base, found in times.items()},
    }


def _interval(times: list[float]) -> list[float]:
    """95 % bootstrap interval of the 95th percentile."""
    chance = random.Random(7)
    tops = sorted(percentile(chance.choices(times, k=len(times)), 95) for _ in range(300))
    return [tops[7], tops[292]]
