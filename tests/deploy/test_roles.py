"""``deploy/postgres/roles.sql`` on a real server: the owner migrates, the processes' role changes no table."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from core.database import engine
from core.settings import get_settings
from greenroom.database import migrate
from tests.deploy import DEPLOY
from tests.servers.postgres import APP, OWNER, Postgres

DATABASE = "greenroom_by_roles_sql"


def run(postgres: Postgres, **files: Path) -> None:
    variables = {f"GREENROOM_{role.upper()}_PASSWORD_FILE": str(path) for role, path in files.items()}
    subprocess.run(
        ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "greenroom_root", "-d", "postgres",
         "-v", f"database={DATABASE}", "-f", str(DEPLOY / "postgres" / "roles.sql")],
        env=os.environ | variables, check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture
def made(postgres: Postgres, tmp_path: Path) -> Iterator[Postgres]:
    password = tmp_path / "password"
    password.write_text("a made-up pass'word\n")
    run(postgres, app=password)
    run(postgres)  # again without harm
    yield postgres
    postgres.drop(DATABASE)
    postgres.administer(f"ALTER ROLE {APP} PASSWORD NULL")


def as_role(postgres: Postgres, role: str, statement: str) -> None:
    with psycopg.connect(postgres.url(DATABASE, role)) as connection:
        connection.execute(statement)  # type: ignore[arg-type]


def test_the_owner_migrates_and_the_processes_work_and_change_no_table(
    made: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("GREENROOM_DATABASE_URL", made.url(DATABASE, OWNER))
    get_settings.cache_clear()
    migrate()
    engine().dispose()
    as_role(made, APP, "SELECT count(*) FROM renders")
    as_role(made, APP, "UPDATE renders SET progress = 0")
    for refused in (
        "CREATE TABLE mine (id int)",
        "ALTER TABLE renders DISABLE TRIGGER ALL",
        "DROP TRIGGER renders_released ON renders",
        "ALTER TABLE renders ADD COLUMN mine int",
        "UPDATE approvals SET verdict = 'approve'",
        "DELETE FROM ledger_entries",
        "SELECT * FROM release_vouches",
        f"SET ROLE {OWNER}",
    ):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            as_role(made, APP, refused)


def test_others_do_not_even_connect(made: Postgres) -> None:
    made.administer("CREATE ROLE somebody LOGIN")
    try:
        with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
            as_role(made, "somebody", "SELECT 1")
    finally:
        made.administer("DROP ROLE somebody")


def test_a_password_comes_from_its_file_and_is_stored_as_scram(made: Postgres) -> None:
    address = f"host=127.0.0.1 port={made.port} dbname=postgres user=greenroom_root"
    with psycopg.connect(address) as connection:
        stored = dict(connection.execute("SELECT rolname, rolpassword FROM pg_authid").fetchall())
    assert stored[APP].startswith("SCRAM-SHA-256$") and stored[OWNER] is None
