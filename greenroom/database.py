"""Brings the database to the newest version with Alembic; every table is imported here."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, select, text
from sqlalchemy.orm import Session

import audit.tables
import core.tables
import delivery.tables
import pipeline.capture.tables
import pipeline.guard  # with the tables come their triggers
import pipeline.tables
import provenance.tables
import review_ui.api.tables
import review_ui.tables
from audit.ledger.adoption import adopt
from core.database import engine
from core.errors import GreenroomError
from core.secrets import keep_check
from greenroom.rights import OWNER, grant
from greenroom.schema import MIGRATIONS, standing
from review_ui.seals import seal
from review_ui.tables import AccountRow

# Alembic sees the tables of these modules; a package with tables of its own is added here.
TABLES = (
    core.tables, audit.tables, provenance.tables, pipeline.tables, pipeline.capture.tables, delivery.tables,
    review_ui.tables, review_ui.api.tables,
)  # fmt: skip


class OldDatabase(GreenroomError):
    """The database's tables are not those that this program knows."""

    code = "old_database"


def migrate() -> None:
    """Upgrade to head. A database that is there already is only read: no command waits for a lock to look.

    On PostgreSQL whoever migrates owns the tables; the processes' role is given its rights (greenroom/rights.py). Two
    that migrate at once follow each other. A home of the first version has its rows taken into the ledger, or is
    refused and left as it was (audit/ledger/adoption.py).

    Raises:
        OldDatabase: the database is not at the newest version, and this role may not change its tables.
    """
    if standing() in ("current", "ahead"):  # ahead: a later release has migrated, and this code goes on
        return
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine().begin() as connection:
        if connection.dialect.name == "postgresql":
            _check_may_migrate(connection)
            connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('greenroom migrations'))"))
        before = set(MigrationContext.configure(connection).get_current_heads())
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if before == {"0001"}:
            with Session(connection) as session:
                for account in session.scalars(select(AccountRow)):
                    seal(account)
                adopt(session)
                session.flush()
        if connection.dialect.name == "postgresql":
            grant(connection)
        with Session(connection) as session:
            keep_check(session)
            session.flush()


def _check_may_migrate(connection: Connection) -> None:
    if not connection.scalar(text("SELECT has_schema_privilege(current_user, 'public', 'CREATE')")):
        raise OldDatabase(
            "the database is not at the version of this program, and this role may not change its tables",
            where="GREENROOM_DATABASE_URL",
            next_step=f"run `greenroom migrate` with the address of the role {OWNER}",
        )
