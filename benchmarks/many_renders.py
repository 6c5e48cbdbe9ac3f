"""A home with very many renders, for the benchmark of the console's lists.

BULK-MADE: one render goes as far as review through the real functions (recorded results stand in for the models);
every other one is a copy of its row, with an id, a campaign, a state, a verdict and times of its own, made by one
statement of the database. The ledger has no entries about the copies, and they have no files: nothing here looks at
these. How they are shared out is said by ``STATES``, ``BRANDS`` and ``CAMPAIGNS``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.kit.world import World

# Of 10,000 renders of a brand: most are out, some wait for a person, few are on their way.
STATES = {
    "draft": 30, "scripted": 10, "voiced": 10, "encoded": 30, "examined": 10, "sealed": 10, "in_review": 400,
    "approved": 50, "released": 8_000, "blocked": 600, "rejected": 200, "failed": 50, "recalled": 600,
}  # fmt: skip
BRANDS, MAIN_SHARE = 20, 0.8
"""One brand has most of them; the others share the rest."""

PRIME, BRAND_FACTOR = 1_000_003, 746_773
MAIN_BELOW = round(MAIN_SHARE * PRIME)

CAMPAIGNS = 400
"""Of the main brand. Sizes fall off steeply: the largest has a twentieth of the brand's renders."""

UNFOLDED = 5_000
"""Changes that wait for the relay's next sweep: 100 moves a second for most of a minute."""


def is_main(number: int) -> bool:
    """Whether the copy of this number belongs to the main brand."""
    return BRAND_FACTOR * (number + 1) % PRIME < MAIN_BELOW


def id_of(number: int) -> str:
    """The id of the copy of this number."""
    return f"rnd_{number:026d}"


def moment_of(number: int) -> datetime:
    """When the copy of this number was asked for: one each three seconds."""
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=3 * number)


@dataclass
class Home:
    """``campaigns``: of the main brand, the largest first."""

    world: World
    campaigns: list[str]
    rows: int
    seconds: float


@contextmanager
def many_renders(count: int) -> Iterator[Home]:
    """In the database that the settings name; the world is closed and its folder gone at the end."""
    from tests.kit.world import world

    with tempfile.TemporaryDirectory() as folder, world(Path(folder) / "home", signer="recorded") as w:
        began = time.monotonic()
        first = w.to_review()
        campaigns = _campaigns(w, first.campaign_id)
        with _bare():
            _copy(w, first.id, count)
        _settle()
        yield Home(w, campaigns, count, time.monotonic() - began)


def _campaigns(w: World, first: str) -> list[str]:
    """The main brand's, and one for each other brand, as copies of the first."""
    from sqlalchemy import insert

    from core.database import transaction
    from core.tables import BrandRow
    from pipeline.tables import CampaignRow

    with transaction() as session:
        like = session.get_one(CampaignRow, first)
        copied = {column.key: getattr(like, column.key) for column in CampaignRow.__table__.columns}
        others = [{"id": f"brd_other_{n}", "name": f"Brand {n}"} for n in range(1, BRANDS)]
        session.execute(insert(BrandRow), others)
        mine = [copied | {"id": f"cmp_main_{n}", "name": f"Campaign {n}"} for n in range(CAMPAIGNS)]
        theirs = [
            copied | {"id": f"cmp_other_{n}", "brand_id": f"brd_other_{n}", "name": f"Campaign of brand {n}"}
            for n in range(1, BRANDS)
        ]
        session.execute(insert(CampaignRow), mine + theirs)
    return [row["id"] for row in mine]


@contextmanager
def _bare() -> Iterator[None]:
    """A bulk load is quicker where the indexes are made, and the rows counted, afterwards."""
    from sqlalchemy import text

    from core.database import engine
    from pipeline.counting import COUNTING
    from pipeline.tables import RenderRow

    table: Any = RenderRow.__table__
    # On PostgreSQL the copy is made past all triggers.
    triggers = COUNTING["sqlite"] if engine().dialect.name == "sqlite" else {}
    with engine().begin() as connection:
        for index in table.indexes:
            index.drop(connection)
        for name in triggers:
            connection.execute(text(f"DROP TRIGGER {name}"))
    yield
    with engine().begin() as connection:
        for statement in triggers.values():
            connection.execute(text(statement))
        for index in table.indexes:
            index.create(connection)


def _copy(w: World, render_id: str, count: int) -> None:
    from sqlalchemy import text

    from core.database import engine
    from core.engines import VOUCHES, refuse_to_vouch
    from pipeline.tables import RenderRow

    is_sqlite = engine().dialect.name == "sqlite"
    # Numbers that look random and are the same each time.
    factors = {"state": 611_953, "brand": BRAND_FACTOR, "campaign": 899_981, "verdict": 324_517}
    shuffled = {name: f"(({factor} * (n + 1)) % {PRIME})" for name, factor in factors.items()}
    main = f"{shuffled['brand']} < {MAIN_BELOW}"
    other = f"({shuffled['brand']} % {BRANDS - 1} + 1)"
    # The square of a number below one is mostly small: the first campaigns get most.
    large = f"({CAMPAIGNS} * {shuffled['campaign']} * {shuffled['campaign']} / {PRIME} / {PRIME})"
    padded, moment = padded_number(is_sqlite), moment_sql(is_sqlite)
    changed = {
        "id": f"'rnd_' || {padded}",
        "brand_id": f"CASE WHEN {main} THEN '{w.brand_id}' ELSE 'brd_other_' || {other} END",
        "campaign_id": f"CASE WHEN {main} THEN 'cmp_main_' || {large} ELSE 'cmp_other_' || {other} END",
        "state": _share(f"({shuffled['state']} % 10000)"),
        "verdict": f"CASE WHEN {shuffled['verdict']} % 10 < 3 THEN 'review' ELSE 'pass' END",
        "request_key": f"'order-' || {padded}",
        "created_at": moment,
        "changed_at": moment,
    }
    names = [column.name for column in RenderRow.__table__.columns]
    values = ", ".join(changed.get(name, f"r.{name}") for name in names)
    source = f"FROM s, renders r WHERE r.id = '{render_id}'"
    statement = (
        f"{series(count, is_sqlite)} INSERT INTO renders ({', '.join(names)}) SELECT {values} {source}"
    )
    insert = statement.replace(":", "\\:")
    with engine().begin() as connection:
        if is_sqlite:
            driver: Any = connection.connection.driver_connection
            driver.create_function(VOUCHES, 2, lambda _render, _published: 1)
            connection.execute(text(insert))
            driver.create_function(VOUCHES, 2, refuse_to_vouch)
        else:
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # as a restore does
            connection.execute(text(insert))
    engine().dispose()


def series(count: int, is_sqlite: bool) -> str:
    """SQL that makes the table ``s`` of the numbers ``n`` from 0 to below the count."""
    if is_sqlite:
        return f"WITH RECURSIVE s(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM s WHERE n + 1 < {count})"
    return f"WITH s AS (SELECT generate_series(0, {count - 1})::bigint AS n)"


def padded_number(is_sqlite: bool) -> str:
    """SQL for the 26 digits of ``n``."""
    return "printf('%026d', n)" if is_sqlite else "lpad(n::text, 26, '0')"


def moment_sql(is_sqlite: bool) -> str:
    """SQL for what :func:`moment_of` says of ``n``."""
    if is_sqlite:
        return "strftime('%Y-%m-%d %H:%M:%f000', '2026-01-01', (n * 3) || ' seconds')"
    return "timestamptz '2026-01-01 00:00:00+00' + n * interval '3 seconds'"


def _share(number: str) -> str:
    """An SQL expression that gives each state its share, from a number below 10,000."""
    branches, upto = [], 0
    for state, share in STATES.items():
        upto += share
        branches.append(f"WHEN {number} < {upto} THEN '{state}'")
    assert upto == 10_000
    return f"CASE {' '.join(branches)} END"


def _settle() -> None:
    """Numbers as they are between two sweeps of the relay; on PostgreSQL, statistics as autovacuum would have them."""
    from sqlalchemy import insert, text

    from core.database import engine, transaction
    from pipeline.counts import recount
    from pipeline.tables import RenderCountChangeRow, RenderRow

    with transaction() as session:
        recount(session)
        some = session.query(RenderRow.brand_id, RenderRow.campaign_id).limit(UNFOLDED // 2).all()
        # A render came and went: the numbers stay what they are, and reading them costs what it costs.
        changes = [
            {"brand_id": brand, "campaign_id": campaign, "state": "draft", "change": change}
            for brand, campaign in some
            for change in (1, -1)
        ]
        session.execute(insert(RenderCountChangeRow), changes)
    if engine().dialect.name == "postgresql":
        with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
