"""Installations to back up and to restore into: a home and, for PostgreSQL, a database of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from core.database import engine
from core.settings import get_settings
from greenroom.database import migrate
from greenroom.installation import initialise
from tests.kit.world import World
from tests.kit.world import world as open_world
from tests.servers.postgres import OWNER, Postgres

KINDS = [("sqlite", "sqlite"), ("postgresql", "postgresql"), ("sqlite", "postgresql")]


@dataclass(frozen=True)
class Machine:
    """A home, the URL of its database ("": SQLite in the home), and its master secret ("": the one in the home)."""

    home: Path
    url: str
    secret: str = ""

    @contextmanager
    def here(self) -> Iterator[Path]:
        """This process's settings are this machine's."""
        names = ("GREENROOM_HOME", "GREENROOM_DATABASE_URL", "GREENROOM_MASTER_SECRET")
        before = {name: os.environ.get(name) for name in names}
        os.environ.update(zip(names, (str(self.home), self.url, self.secret), strict=True))
        get_settings.cache_clear()
        try:
            yield self.home
        finally:
            engine().dispose()
            for name, value in before.items():
                os.environ.pop(name) if value is None else os.environ.update({name: value})
            get_settings.cache_clear()

    def bring_keys(self, other: Machine) -> Machine:
        """What an operator keeps apart from the backups, put back by hand."""
        self.home.mkdir(parents=True, exist_ok=True)
        shutil.copytree(other.home / "keys", self.home / "keys")
        return replace(self, secret=other.secret)


class Machines:
    """Makes machines; their databases are dropped at the end."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self._folder, self._request, self._made = folder, request, 0
        self._databases: list[tuple[Postgres, str]] = []

    def new(self, kind: str) -> Machine:
        self._made += 1
        home = self._folder / f"home-{self._made}"
        if kind == "sqlite":
            return Machine(home, "")
        server: Postgres = self._request.getfixturevalue("postgres")
        name = server.empty()
        self._databases.append((server, name))
        return Machine(home, server.url(name, OWNER), "a made-up secret of the tests: 0123456789abcdef")

    def drop(self) -> None:
        for server, name in self._databases:
            server.drop(name)


@pytest.fixture
def machines(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Machines]:
    made = Machines(tmp_path, request)
    yield made
    made.drop()


def made() -> None:
    """Tables as the migrations make them, and what a shared database needs once."""
    migrate()
    if get_settings().shared_database:
        initialise()


@contextmanager
def world_on(machine: Machine, signer: str = "recorded") -> Iterator[World]:
    """A world on a machine, with tables as the migrations make them."""
    with machine.here(), open_world(machine.home, signer=signer, make_tables=made) as opened:  # type: ignore[arg-type]
        yield opened
