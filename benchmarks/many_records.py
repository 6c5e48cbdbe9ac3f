"""What legal searches beside very many renders: decisions, files, people, consents, holds, and the ledger's entries.

BULK-MADE on top of benchmarks/many_renders.py, by statements of the database over its renders: each that a person
decided has a decision, each that was released a sealed and a published file, each has four entries of its own on the
ledger and a fifth that counts it against its persona's authority. People, their consents and holds are copies too, and
somebody searched the record very often. No leaf is signed over the copies: nothing here asks for a proof.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.many_renders import Home, moment_sql, padded_number, series

EVENTS = (
    "render:record:created",
    "render:gates:decided",
    "render:asset:sealed",
    "render:asset:released",
    "authority:render:counted",
)

# For so many renders there is one of each.
RENDERS_A_PERSON = 100
RENDERS_A_HOLD = 500
RENDERS_A_LOOK = 5


def person_of(number: int) -> str:
    """The id of a person of the main brand."""
    return f"per_{number:026d}"


def file_of(number: int) -> str:
    """The digest of the published file of the copy of this number, where it has one."""
    return f"{number:026d}".rjust(64, "b")


def entry_of(number: int) -> str:
    """The id of the entry that says that the render of this number was asked for."""
    return f"led_{number:025d}0"


def many_records(home: Home) -> float:
    """Add them to a home of many renders, in the same database; how many seconds that took."""
    from sqlalchemy import text

    from audit.tables import ApprovalRow, AuthorityRow, HoldRow, LedgerEntryRow
    from core.database import engine
    from core.tables import AssetRow
    from pipeline.tables import PersonaRow

    began = time.monotonic()
    is_sqlite = engine().dialect.name == "sqlite"
    tables: list[Any] = [ApprovalRow, AuthorityRow, HoldRow, LedgerEntryRow, AssetRow, PersonaRow]
    indexes = [index for table in tables for index in table.__table__.indexes]
    with engine().begin() as connection:
        if not is_sqlite:
            connection.execute(text("SET LOCAL session_replication_role = replica"))  # as a restore does
        for index in indexes:  # a bulk load is quicker where these are made afterwards
            index.drop(connection)
        for statement in _statements(home, is_sqlite):
            connection.execute(text(statement.replace(":", "\\:")))
        for index in indexes:
            index.create(connection)
    if not is_sqlite:
        with engine().connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
    engine().dispose()
    return time.monotonic() - began


def _statements(home: Home, is_sqlite: bool) -> Iterator[str]:
    copies = "FROM renders r WHERE r.request_key LIKE 'order-%'"
    yield _decisions(home, copies)
    yield from _files(copies)
    yield _entries(home, is_sqlite)
    yield from _people(home, is_sqlite)
    yield from _holds(home, is_sqlite)
    yield _looks(home, is_sqlite)


def _decisions(home: Home, copies: str) -> str:
    decided = {
        "id": "'apr_' || substr(r.id, 5)",
        "brand_id": "r.brand_id",
        "render_id": "r.id",
        "sealed_sha256": _digest("a"),
        "reviewer_id": f"CASE WHEN r.verdict = 'pass' THEN '{home.world.reviewer}' "
        f"ELSE '{home.world.second_reviewer}' END",
        "maker_id": "r.maker_id",
        "verdict": "CASE WHEN r.state = 'rejected' THEN 'reject' ELSE 'approve' END",
        "reason": "'Seen in full.'",
        "manner": "'seen'",
        "created_at": "r.created_at",
        "salt": "r.salt",
    }
    return _insert(
        "approvals", decided, f"{copies} AND r.state IN ('approved', 'released', 'recalled', 'rejected')"
    )


def _files(copies: str) -> Iterator[str]:
    for role, letter, parent in (("sealed", "a", "NULL"), ("published", "b", _digest("a"))):
        file = {
            "sha256": _digest(letter),
            "brand_id": "r.brand_id",
            "render_id": "r.id",
            "role": f"'{role}'",
            "essence": _digest("c"),
            "parent": parent,
            "size": "1",
            "created_at": "r.created_at",
        }
        yield _insert("assets", file, f"{copies} AND r.state IN ('released', 'recalled')")


def _entries(home: Home, is_sqlite: bool) -> str:
    """Five for each render, one render after another, as they come in a real ledger."""
    which = " UNION ALL ".join(f"SELECT {n} AS e, '{event}' AS event" for n, event in enumerate(EVENTS))
    said = {
        "entry_id": "'led_' || substr(r.id, 6) || k.e",
        "event": "k.event",
        "subject": f"CASE WHEN k.e = {len(EVENTS) - 1} THEN '{home.world.persona.authority_id}' ELSE r.id END",
        "facts": _json("{}", is_sqlite),
        "created_at": "r.created_at",
        # As long as a usual entry.
        "body": '\'{"event":"\' || k.event || \'","facts":{"rows":"\' || '
        f"{_digest('c')} || {_digest('d')} || '\"}}}}'",
        "position": f"{_FIRST_POSITION} + 10 * CAST(substr(r.id, 5) AS BIGINT) + k.e",
    }
    return _insert(
        "ledger_entries", said, f"FROM renders r CROSS JOIN ({which}) k WHERE r.request_key LIKE 'order-%'"
    )


_FIRST_POSITION = 1_000_000_000  # far from those of the real entries


def _people(home: Home, is_sqlite: bool) -> Iterator[str]:
    from audit.tables import AuthorityRow
    from pipeline.tables import PersonaRow

    count, padded = max(1, home.rows // RENDERS_A_PERSON), padded_number(is_sqlite)
    moment, persona = moment_sql(is_sqlite), home.world.persona
    # Each version was recorded before the next: the second one leads to the first.
    for version in (1, 2):
        changed = {
            "id": f"'aut_' || {padded} || '_{version}'",
            "record_id": f"'aut_' || {padded} || '_1'",
            "version": str(version),
            "supersedes": f"'aut_' || {padded} || '_1'" if version == 2 else "NULL",
            "persona_id": f"'per_' || {padded}",
            "kind": "CASE WHEN n % 3 = 0 THEN 'provenance' ELSE 'consent' END",
            "created_at": moment,
        }
        yield _copies(AuthorityRow, changed, persona.authority_id, count, is_sqlite)
    changed = {
        "id": f"'per_' || {padded}",
        "name": "'Presenter ' || n",
        "reference_sha256": f"'{'e' * 38}' || {padded}",
        "authority_id": f"'aut_' || {padded} || '_1'",
        "created_at": moment,
    }
    yield _copies(PersonaRow, changed, persona.id, count, is_sqlite)


def _holds(home: Home, is_sqlite: bool) -> Iterator[str]:
    """One on each so many renders; every other one is lifted."""
    count, padded = max(2, home.rows // RENDERS_A_HOLD), padded_number(is_sqlite)
    for letter, lifts, which in (("p", "NULL", ""), ("l", f"'hld_p' || {padded}", "WHERE n % 2 = 0")):
        hold = {
            "id": f"'hld_{letter}' || {padded}",
            "brand_id": f"'{home.world.brand_id}'",
            "kind": "'render'",
            "subject": f"'rnd_' || {padded}",
            "lifts": lifts,
            "reason": "'A made-up case.'",
            "actor": f"'{home.world.legal}'",
            "created_at": moment_sql(is_sqlite),
            "salt": padded,
        }
        yield f"{series(count, is_sqlite)} {_insert('holds', hold, f'FROM s {which}')}"


def _looks(home: Home, is_sqlite: bool) -> str:
    facts = f'{{"kind":"search_renders","brand_id":"{home.world.brand_id}","actor":"{home.world.legal}"}}'
    look = {
        "entry_id": f"'led_v' || {padded_number(is_sqlite)}",
        "event": "'custody:record:viewed'",
        "subject": f"'{home.world.brand_id}'",
        "facts": _json(facts, is_sqlite),
        "created_at": moment_sql(is_sqlite),
        "body": f"'{facts}'",
        "position": f"{2 * _FIRST_POSITION} + n",
    }
    looks = max(1, home.rows // RENDERS_A_LOOK)
    return f"{series(looks, is_sqlite)} {_insert('ledger_entries', look, 'FROM s')}"


def _digest(letter: str) -> str:
    """SQL for a digest of the render that no other one has."""
    return f"'{letter * 38}' || substr(r.id, 5)"


def _insert(table: str, values: Mapping[str, str], source: str) -> str:
    return f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} {source}"


def _copies(table: Any, changed: Mapping[str, str], like: str, count: int, is_sqlite: bool) -> str:
    """So many copies of one row, with an id and some columns of their own."""
    names = [column.name for column in table.__table__.columns]
    values = {name: changed.get(name, f"t.{name}") for name in names}
    source = f"FROM s, {table.__tablename__} t WHERE t.id = '{like}'"
    return f"{series(count, is_sqlite)} {_insert(table.__tablename__, values, source)}"


def _json(said: str, is_sqlite: bool) -> str:
    return f"'{said}'" if is_sqlite else f"CAST('{said}' AS JSON)"
