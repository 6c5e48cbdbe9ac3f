"""Brings the database to the newest version with Alembic; every table is imported here."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config

import review_ui.tables  # noqa: F401
from core.database import engine

MIGRATIONS = Path(__file__).parent / "migrations"


def migrate() -> None:
    """Upgrade to head; nothing to do when it is there already."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine().begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
