"""Empty tables of the version that wrote a backup; :func:`greenroom.database.migrate` then brings them to ours."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from core.database import engine
from greenroom.backup.errors import RestoreRefused
from greenroom.database import MIGRATIONS


def check_revision(revision: str) -> None:
    """Raises :class:`RestoreRefused` for a revision that this version does not know."""
    try:
        known = ScriptDirectory.from_config(_config()).get_revision(revision)
    except CommandError:
        known = None
    if known is None:
        raise RestoreRefused(
            "the backup was written by a newer version of Greenroom",
            where=f"revision {revision}",
            next_step="restore it with that version",
            code="newer_version",
        )


def make_schema(revision: str) -> None:
    """Tables, indexes and triggers as of a revision, in an empty database. One that is there already stays."""
    config = _config()
    with engine().begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
