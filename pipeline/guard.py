"""The database's own refusal: `released` is written by the release's connection, and by nothing else (trust
step 12).

A trigger asks a function that every connection of ours answers with no; :func:`release_transaction` answers
yes, for one render and one digest, while it is open. A connection that does not know the function (another
program's) is refused any change of state. Whoever owns the database file can drop the trigger: signatures
and the ledger notice that, not this.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import DDL, event, text
from sqlalchemy.orm import Session

from core.database import VOUCHES, refuse_to_vouch, transaction
from core.errors import IntegrityError
from pipeline.tables import RenderRow

REFUSAL = "only the release writes the released state"

_CHANGES = (
    "NEW.state IS NOT OLD.state OR NEW.published_sha256 IS NOT OLD.published_sha256 OR NEW.id IS NOT OLD.id "
    "OR NEW.sealed_sha256 IS NOT OLD.sealed_sha256 OR NEW.essence IS NOT OLD.essence"
)
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
}
"""The triggers on SQLite, by name. Migrations and ``create_all`` install the same."""

for _trigger in TRIGGERS.values():
    event.listen(RenderRow.__table__, "after_create", DDL(_trigger).execute_if(dialect="sqlite"))  # type: ignore[no-untyped-call]


@contextmanager
def release_transaction(render_id: str, published_sha256: str) -> Iterator[Session]:
    """A transaction in which this render may become released, with this published digest. For ``release()`` alone.

    Raises:
        IntegrityError: the database has lost its triggers; nothing is released then.
    """
    with transaction() as session:
        _check_installed(session)
        connection: Any = session.connection().connection.driver_connection

        def vouch(render: str, published: str | None) -> int:
            return int((render, published) == (render_id, published_sha256))

        connection.create_function(VOUCHES, 2, vouch)
        try:
            yield session
            session.flush()
        finally:
            connection.create_function(VOUCHES, 2, refuse_to_vouch)


def _check_installed(session: Session) -> None:
    # By their text: one that was replaced under its name guards nothing.
    rows = session.execute(
        text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'renders'")
    )
    installed = {name: _words(sql) for name, sql in rows}
    if any(installed.get(name) != _words(sql) for name, sql in TRIGGERS.items()):
        raise IntegrityError(
            "the database has lost the triggers that guard the released state",
            where="renders",
            next_step="run `greenroom ledger verify`, find out who removed them, and restore the database",
        )


def _words(sql: str) -> list[str]:
    return sql.split()
