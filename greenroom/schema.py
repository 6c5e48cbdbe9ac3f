"""How far the database's tables are, next to this code.

Migrations widen first and narrow later (docs/operations.md, "Upgrade"), so code works on its own version of the tables
and on the next one. A version that this code does not know is a later one: an earlier release does not stop because a
newer one's migration has run.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Literal

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from core.database import reading

MIGRATIONS = Path(__file__).parent / "migrations"

Standing = Literal["empty", "behind", "current", "ahead"]


def standing() -> Standing:
    """One read of the database. Raises as :func:`core.database.reading` where it does not answer."""
    with reading() as session:
        there = set(MigrationContext.configure(session.connection()).get_current_heads())
    heads, known = _versions()
    if not there:
        return "empty"
    if there == heads:
        return "current"
    return "behind" if there <= known else "ahead"


@lru_cache(maxsize=1)
def _versions() -> tuple[frozenset[str], frozenset[str]]:
    """This code's newest versions, and every one that it knows."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    scripts = ScriptDirectory.from_config(config)
    return frozenset(scripts.get_heads()), frozenset(script.revision for script in scripts.walk_revisions())
