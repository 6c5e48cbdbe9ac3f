"""Brings the database to the newest version with Alembic; every table is imported here."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

import audit.tables
import core.tables
import delivery.tables
import pipeline.guard  # with the tables come their triggers
import pipeline.tables
import provenance.tables
import review_ui.tables
from core.database import engine

# Alembic sees the tables of these modules; a package with tables of its own is added here.
TABLES = (core.tables, audit.tables, provenance.tables, pipeline.tables, delivery.tables, review_ui.tables)
MIGRATIONS = Path(__file__).parent / "migrations"


def migrate() -> None:
    """Upgrade to head; nothing to do when it is there already."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine().begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
