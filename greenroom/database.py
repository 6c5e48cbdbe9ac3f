"""Brings the database to the newest version with Alembic; every table is imported here."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import select
from sqlalchemy.orm import Session

import audit.tables
import core.tables
import delivery.tables
import pipeline.guard  # with the tables come their triggers
import pipeline.tables
import provenance.tables
import review_ui.tables
from audit.ledger.adoption import adopt
from core.database import engine
from review_ui.seals import seal
from review_ui.tables import AccountRow

# Alembic sees the tables of these modules; a package with tables of its own is added here.
TABLES = (core.tables, audit.tables, provenance.tables, pipeline.tables, delivery.tables, review_ui.tables)
MIGRATIONS = Path(__file__).parent / "migrations"


def migrate() -> None:
    """Upgrade to head. A database that is there already is only read: no command waits for a lock to look.

    A home of the first version has its rows taken into the ledger, or is refused and left as it was
    (audit/ledger/adoption.py).
    """
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    if _revisions() == set(ScriptDirectory.from_config(config).get_heads()):
        return
    with engine().begin() as connection:
        before = set(MigrationContext.configure(connection).get_current_heads())
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        if before == {"0001"}:
            with Session(connection) as session:
                for account in session.scalars(select(AccountRow)):
                    seal(account)
                adopt(session)
                session.flush()


def _revisions() -> set[str]:
    with engine().connect().execution_options(reading_only=True) as connection:
        return set(MigrationContext.configure(connection).get_current_heads())
