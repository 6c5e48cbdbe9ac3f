"""The guard of the released state on SQLite.

A trigger asks a function that every connection of ours answers with no; the release's connection answers yes for one
render and one digest, while its transaction is open. A connection that does not know the function (another program's)
is refused any change of state. A second pair of triggers asks the rows for the yes of the person who appears.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import DDL, text
from sqlalchemy.orm import Session

from core.engines import VOUCHES, refuse_to_vouch
from pipeline.guard_persona import lacks_yes

REFUSAL = "only the release writes the released state"
NOT_ASKED = "the person who appears has not said yes to it"

_CHANGES = (
    "NEW.state IS NOT OLD.state OR NEW.published_sha256 IS NOT OLD.published_sha256 OR NEW.id IS NOT OLD.id "
    "OR NEW.sealed_sha256 IS NOT OLD.sealed_sha256 OR NEW.essence IS NOT OLD.essence"
)
_ANOTHER = (
    "NEW.state IS NOT OLD.state OR NEW.id IS NOT OLD.id OR NEW.sealed_sha256 IS NOT OLD.sealed_sha256 "
    "OR NEW.campaign_id IS NOT OLD.campaign_id OR NEW.origin IS NOT OLD.origin"
)
_LACKS_YES = lacks_yes("json_extract(a.document, '$.approval_mode')")

TRIGGERS: dict[str, str] = {
    "renders_released_insert": f"""
        CREATE TRIGGER renders_released_insert BEFORE INSERT ON renders
        WHEN NEW.state = 'released' AND {VOUCHES}(NEW.id, NEW.published_sha256) IS NOT 1
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    "renders_released_update": f"""
        CREATE TRIGGER renders_released_update BEFORE UPDATE OF id, state, published_sha256, sealed_sha256, essence
        ON renders
        WHEN NEW.state = 'released' AND ({_CHANGES}) AND {VOUCHES}(NEW.id, NEW.published_sha256) IS NOT 1
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END""",
    "renders_asked_insert": f"""
        CREATE TRIGGER renders_asked_insert BEFORE INSERT ON renders
        WHEN NEW.state = 'released' AND {_LACKS_YES}
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}: {NOT_ASKED}'); END""",
    "renders_asked_update": f"""
        CREATE TRIGGER renders_asked_update BEFORE UPDATE OF id, state, sealed_sha256, campaign_id, origin ON renders
        WHEN NEW.state = 'released' AND ({_ANOTHER}) AND {_LACKS_YES}
        BEGIN SELECT RAISE(ABORT, '{REFUSAL}: {NOT_ASKED}'); END""",
}
"""By name. Migrations and ``create_all`` install the same."""

STATEMENTS = tuple(TRIGGERS.values())


def ddl(statement: str) -> Any:
    """One of the statements, to be run where the database is this one."""
    return DDL(statement).execute_if(dialect="sqlite")  # type: ignore[no-untyped-call]


@contextmanager
def vouching(session: Session, render_id: str, published_sha256: str) -> Iterator[None]:
    """While the block runs, this transaction's connection lets one render pass."""
    connection: Any = session.connection().connection.driver_connection

    def vouch(render: str, published: str | None) -> int:
        return int((render, published) == (render_id, published_sha256))

    connection.create_function(VOUCHES, 2, vouch)
    try:
        yield
    finally:
        connection.create_function(VOUCHES, 2, refuse_to_vouch)


def installed(session: Session) -> bool:
    """Whether the triggers are there. By their text: one that was replaced under its name guards nothing."""
    rows = session.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'renders'")
    )
    found = {name: sql.split() for name, sql in rows}
    return all(found.get(name) == sql.split() for name, sql in TRIGGERS.items())
