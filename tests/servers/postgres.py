"""PostgreSQL: one server for a run of the tests, one database for each test that asks.

Two roles, as in production (deploy/postgres): ``greenroom_owner`` makes the tables, ``greenroom_app`` works with them.
A database is a copy of a template that has every table, the guard and the rights.
"""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import psycopg

from tests.servers.processes import (
    ServerMissing,
    folder,
    free_port,
    program,
    spawn,
    stop,
    unprivileged,
    wait_until,
)

OWNER, APP = "greenroom_owner", "greenroom_app"
TEMPLATE = "greenroom_template"
# Nobody pulls the plug of a test machine: a commit is in the kernel's hands, which a kill -9 does not take away.
OPTIONS = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "log_min_messages": "warning",
    "timezone": "Asia/Kolkata",  # on purpose not UTC: what is stored must not depend on it
}


@dataclass
class Postgres:
    """A running server. ``restart`` and ``kill`` are for the tests of faults."""

    port: int
    data: Path
    user: str | None
    child: subprocess.Popen[bytes] | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    def url(self, database: str, role: str = APP, port: int | None = None) -> str:
        """What GREENROOM_DATABASE_URL is set to. ``port``: a proxy's."""
        return f"postgresql://{role}@127.0.0.1:{port or self.port}/{database}"

    def administer(self, statement: str, database: str = "postgres") -> None:
        """One statement as the superuser, outside of a transaction."""
        address = f"host=127.0.0.1 port={self.port} dbname={database} user=greenroom_root"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[arg-type]

    def create(self, template: str = TEMPLATE) -> str:
        """A new database, a copy of another to which nobody is connected; its name."""
        name = f"greenroom_{next(self._numbers)}"
        self.administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER {OWNER} STRATEGY file_copy')
        return name

    def empty(self) -> str:
        """A new database without any table, laid out as deploy/postgres/roles.sql does; its name."""
        name = self.create("template0")
        self.administer(f"ALTER SCHEMA public OWNER TO {OWNER}", database=name)
        return name

    def drop(self, name: str) -> None:
        """Remove a database; whoever is still connected to it is disconnected."""
        self.administer(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def replace(self, name: str, template: str) -> None:
        """Put a database back to what another holds."""
        self.drop(name)
        self.administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER {OWNER} STRATEGY file_copy')

    def restart(self, end: signal.Signals = signal.SIGINT) -> None:
        """Stopped fast (SIGINT), or at once as by a crash, which it recovers from (SIGQUIT); then started again."""
        assert self.child is not None
        stop(self.child, end)
        self.start()

    def start(self) -> None:
        options = [part for name, value in OPTIONS.items() for part in ("-c", f"{name}={value}")]
        command = [
            _program("postgres"), "-D", str(self.data), "-p", str(self.port), "-k", str(self.data),
            "-c", "listen_addresses=127.0.0.1", *options,
        ]  # fmt: skip
        log = self.data.parent / "log"
        self.child = spawn(command, log, user=self.user)
        wait_until(self._ready, self.child, command[0], log)

    def _ready(self) -> bool:
        try:
            self.administer("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True


@contextmanager
def postgres_server() -> Iterator[Postgres]:
    """A fresh cluster with its roles and the template, gone at the end."""
    user = unprivileged()
    with folder(user) as root:
        data = root / "data"
        made = subprocess.run(
            [_program("initdb"), "-D", str(data), "-U", "greenroom_root", "-A", "trust", "-N",
             "--no-instructions", "-E", "UTF8", "--locale", "C.UTF-8"],
            capture_output=True, text=True, user=user, cwd=root, check=False,
        )  # fmt: skip
        if made.returncode:
            raise ServerMissing(f"initdb failed: {made.stderr[-1000:]}")
        running = Postgres(free_port(), data, user)
        running.start()
        try:
            for role in (OWNER, APP):
                running.administer(f"CREATE ROLE {role} LOGIN NOINHERIT")  # as deploy/postgres/roles.sql
            yield running
        finally:
            assert running.child is not None
            stop(running.child, signal.SIGQUIT)


def _program(name: str) -> str:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    return program(name, "postgresql", *(str(path) for path in reversed(versions)))
