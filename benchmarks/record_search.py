"""What the record's search costs at 10^6 renders of 20 brands and 5 x 10^6 entries of the ledger, on both databases.

``p95_ms_sqlite`` and ``p95_ms_postgresql``: a page of the record (HTML with its numbers, its look written on the ledger
before) from a real web process over loopback, asked for by a signed-in legal account, one request at a time, until its
last byte; all kinds of pages have the same share. ``slowest_p95_ms`` is of the slowest kind on either. ``pages_ms`` has
p50, p95 and p99 of each. The home is bulk-made (benchmarks/many_renders.py, benchmarks/many_records.py).
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from benchmarks.asked_pages import Times, filled_database, measure, percentile, signed_in, told
from benchmarks.databases import KINDS
from benchmarks.harness import finish, full, inputs_digest
from benchmarks.many_records import EVENTS, entry_of, file_of, many_records, person_of
from benchmarks.many_renders import Home, id_of, is_main, many_renders, moment_of
from benchmarks.served import web_process

GOAL = {"p95_ms_sqlite": "<= 100", "p95_ms_postgresql": "<= 100", "rows": ">= 1000000"}
ROWS = 1_000_000


def run(rows: int = ROWS, each: int | None = None, databases: Sequence[str] = KINDS) -> dict[str, Any]:
    """The document; ``each`` pages of each kind are asked for, after ``rows`` renders were made in each database."""
    os.environ.setdefault("GREENROOM_ENVIRONMENT", "test")
    each = each or (1_000 if full() else 100)
    pages: dict[str, Times] = {}
    made: dict[str, float] = {}
    for kind in databases:
        with filled_database(kind) as loaded, many_renders(rows) as home:
            made[kind] = round(home.seconds + many_records(home))
            loaded()
            print(f"{kind}: {rows} renders and their record made in {made[kind]} s", file=sys.stderr)
            with web_process(home.world.home) as port, signed_in(port, home.world.legal) as ask:
                pages[kind] = measure(ask, _addresses(home), each)
    return {
        **told(pages, list(pages[databases[0]])),
        "slowest_p95_ms": max(
            percentile(times, 95) for by_kind in pages.values() for times in by_kind.values()
        ),
        "rows": rows,
        "entries": rows * len(EVENTS),
        "made_s": made,
        "inputs_sha256": inputs_digest(
            Path(__file__).with_name(f"{name}.py")
            for name in ("record_search", "asked_pages", "many_renders", "many_records")
        ),
    }


def _addresses(home: Home) -> dict[str, Iterator[str]]:
    """Endless addresses of each kind, the same in each run."""
    from pipeline.paging import Cursor, Place
    from pipeline.search import FACETS, Kind

    chance = random.Random(9)

    def mine() -> int:
        return next(number for number in iter(lambda: chance.randrange(home.rows), None) if is_main(number))

    def cursor(key: Callable[[int], str]) -> str:
        number = mine()
        place = Place(0, moment_of(number), key(number))
        return Cursor("newest", chance.random() < 0.3, place).text()

    def page(kind: Kind, key: Callable[[int], str] | None = None, **words: str) -> str:
        """A first page or a deep one, with any choice or none."""
        asked = {"kind": kind, "facet": chance.choice(["", *FACETS.get(kind, ())]), **words}
        asked["cursor"] = cursor(key) if key and chance.random() < 0.5 else ""
        return "/record?" + urlencode({name: word for name, word in asked.items() if word})

    def days(kind: Kind) -> str:
        """Any days, from one up to all."""
        since, until = sorted(moment_of(chance.randrange(home.rows)) for _ in range(2))
        if chance.random() < 0.3:
            until = since + timedelta(days=1)
        return page(kind, since=f"{since:%Y-%m-%d}", until=f"{until:%Y-%m-%d}")

    def decision(number: int) -> str:
        return id_of(number).replace("rnd_", "apr_")

    def consent(number: int) -> str:
        return person_of(number).replace("per_", "aut_") + "_1"

    def somebody() -> str:
        return person_of(chance.randrange(max(1, home.rows // 100)))

    reviewers = (home.world.reviewer, home.world.second_reviewer)
    kinds: dict[str, Callable[[], str]] = {
        "people": lambda: page("people", person_of),
        "people by name": lambda: page("people", name=f"Presenter {chance.randrange(1000)}"),
        "consents": lambda: page("consents", consent),
        "renders": lambda: page("renders", id_of),
        "renders of a campaign": lambda: page("renders", id_of, campaign=chance.choice(home.campaigns)),
        "renders of some days": lambda: days("renders"),
        "decisions": lambda: page("decisions", decision),
        "decisions of a reviewer": lambda: page("decisions", decision, reviewer=chance.choice(reviewers)),
        "decisions of some days": lambda: days("decisions"),
        "releases": lambda: page("releases", file_of),
        "releases of some days": lambda: days("releases"),
        "recalls": lambda: page("recalls", id_of),
        "recalls of a campaign": lambda: page("recalls", id_of, campaign=chance.choice(home.campaigns)),
        "recalls of some days": lambda: days("recalls"),
        "a video": lambda: f"/record/renders/{id_of(mine())}",
        "a campaign": lambda: f"/record/campaigns/{chance.choice(home.campaigns)}",
        "a person": lambda: f"/record/people/{chance.choice([home.world.persona.id, somebody()])}",
        "an entry": lambda: f"/record/entries/{entry_of(mine())}",
        "find": lambda: f"/record/find?q={id_of(mine()).replace('rnd_', 'order-')}",
        "holds": lambda: "/record/holds",
        "who looked": lambda: "/record/looked",
        "register": lambda: "/record/register",
    }
    return {name: iter(make, None) for name, make in kinds.items()}


if __name__ == "__main__":
    finish(run(), GOAL)
