"""Empty tables of the version that wrote a backup; :func:`greenroom.database.migrate` then brings them to ours."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text

from core.database import engine
from greenroom.backup.errors import RestoreRefused
from greenroom.rights import OWNER, grant
from greenroom.schema import MIGRATIONS

_MAY = "SELECT has_schema_privilege(current_user, 'public', 'CREATE')"


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


def check_owner() -> None:
    """Raises :class:`RestoreRefused` where this role may not make tables: a restore needs their owner."""
    with engine().connect() as connection:
        if connection.dialect.name != "postgresql" or connection.scalar(text(_MAY)):
            return
    raise RestoreRefused(
        "this role may not make tables, and a restore has to",
        where="GREENROOM_DATABASE_URL",
        next_step=f"restore with the address of the role {OWNER}",
        code="not_the_owner",
    )


def make_schema(revision: str) -> None:
    """Tables, indexes and triggers as of a revision, in an empty database, and the rights of the processes' role."""
    config = _config()
    with engine().begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        if connection.dialect.name == "postgresql":
            grant(connection)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config
