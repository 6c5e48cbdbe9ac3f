"""The database's own refusal: `released` is written by the release's transaction, and by nothing else (trust
step 12).

The same on both databases: triggers stand before the renders. :func:`release_transaction` alone makes them let one
render pass, with one digest, while it is open; and none passes without the yes of the person who appears where the
authority in force asks for it (pipeline/guard_persona.py). What each database can hold against whom is said in
pipeline/guard_sqlite.py and pipeline/guard_postgresql.py. Whoever owns the database can drop a trigger: the release
notices that, and signatures and the ledger notice the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import event
from sqlalchemy.orm import Session

from core.database import engine, transaction
from core.errors import IntegrityError
from pipeline import guard_postgresql, guard_sqlite
from pipeline.tables import RenderRow

REFUSAL = guard_sqlite.REFUSAL

# Migrations and `create_all` install the same.
for _statement in guard_sqlite.STATEMENTS:
    event.listen(RenderRow.__table__, "after_create", guard_sqlite.ddl(_statement))
for _statement in guard_postgresql.STATEMENTS:
    event.listen(RenderRow.__table__, "after_create", guard_postgresql.ddl(_statement))


@contextmanager
def release_transaction(render_id: str, published_sha256: str) -> Iterator[Session]:
    """A transaction in which this render may become released, with this published digest. For ``release()`` alone.

    The render is locked in it. PostgreSQL looks itself whether it is approved, by another than its maker.

    Raises:
        IntegrityError: the database has lost its triggers; nothing is released then.
        DBAPIError: PostgreSQL refuses to let this render pass.
    """
    guard = guard_sqlite if engine().dialect.name == "sqlite" else guard_postgresql
    with transaction() as session:
        if not guard.installed(session):
            raise IntegrityError(
                "the database has lost the triggers that guard the released state",
                where="renders",
                next_step="run `greenroom ledger verify`, find out who removed them, and restore the database",
            )
        with guard.vouching(session, render_id, published_sha256):
            yield session
            session.flush()
