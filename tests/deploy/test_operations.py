"""docs/operations.md, "From nothing to a running installation": its commands as they stand there, on PostgreSQL."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.deploy import DEPLOY, PROCESSES, SIGNS
from tests.deploy.test_lay_out import UIDS
from tests.servers.postgres import Postgres

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")

ROOT = DEPLOY.parent
PAGE = (ROOT / "docs" / "operations.md").read_text()
DATABASE = "greenroom_by_the_page"


@dataclass
class Machine:
    """Root's machine: ``etc`` stands for /etc/greenroom."""

    etc: Path
    postgres: Postgres

    @property
    def here(self) -> str:
        """The address as TLS needs it, with two options: no shell may take it apart at its &."""
        return f"127.0.0.1:{self.postgres.port}/{DATABASE}?connect_timeout=10&target_session_attrs=any"

    def run(self, script: str) -> subprocess.CompletedProcess[str]:
        """A block of the page, with this machine's folders and server for those that the page names."""
        for said, instead in {
            "/etc/greenroom": str(self.etc),
            "db.example/greenroom?sslmode=verify-full": self.here,
        }.items():
            script = script.replace(said, instead)
        environment = {
            "PATH": "/usr/bin:/bin",
            "HOME": "/nonexistent",
            "GREENROOM_ETC": str(self.etc),
            "GREENROOM_PROGRAM": str(self.etc / "bin" / "greenroom"),
            "GREENROOM_KEYS_HOME": str(self.etc / "home"),
        }
        return subprocess.run(
            ["sh", "-eu"],
            input=script,
            cwd=ROOT,
            env=environment,
            text=True,
            capture_output=True,
            check=False,
        )


@pytest.fixture
def machine(postgres: Postgres) -> Iterator[Machine]:
    folder = Path(tempfile.mkdtemp(prefix="greenroom-etc-"))
    folder.chmod(0o755)
    secrets, program = folder / "secrets", folder / "bin" / "greenroom"
    secrets.mkdir(mode=0o700)
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\ncd {ROOT} && exec {sys.executable} -m greenroom.cli "$@"\n')
    program.chmod(0o755)
    made = Machine(folder, postgres)
    settings = (DEPLOY / "greenroom.env").read_text()
    (folder / "greenroom.env").write_text(
        settings.replace("db.example/greenroom?sslmode=verify-full", made.here)
    )
    for name in ("pgpass", "owner-pgpass", "claim.key"):
        (secrets / name).write_text(f"{name} of a test\n")
        (secrets / name).chmod(0o600)
    subprocess.run(
        ["psql", "-X", "-q", "-h", "127.0.0.1", "-p", str(postgres.port), "-U", "greenroom_root", "-d", "postgres",
         "-v", f"database={DATABASE}", "-f", str(DEPLOY / "postgres" / "roles.sql")],
        check=True, capture_output=True,
    )  # fmt: skip
    yield made
    postgres.drop(DATABASE)
    shutil.rmtree(folder)


def block() -> str:
    """The commands of the step that makes the keys."""
    (found,) = re.findall(r"^   ```sh\n(.*?)^   ```$", PAGE, re.MULTILINE | re.DOTALL)
    return re.sub(r"^   ", "", found, flags=re.MULTILINE)


def test_the_keys_are_made_given_out_and_fit_what_the_page_says_of_each_process(machine: Machine) -> None:
    made = machine.run(block())
    assert made.returncode == 0, made.stderr
    again = machine.run(block())
    assert again.returncode == 0 and "made" not in again.stdout, again.stderr
    machine.postgres.administer("SELECT 1 / count(*) FROM ledger_entries", database=DATABASE)  # named there
    pairs = " ".join(f"{process}:{uid}" for process, uid in UIDS.items())
    command = "deploy/lay-out /etc/greenroom/secrets /etc/greenroom/processes"
    assert f"`{command}`" in PAGE
    given = machine.run(f"GREENROOM_USERS='{pairs}' {command}")
    assert given.returncode == 0, given.stderr
    rotated = machine.run("deploy/as keys pki rotate receipts")
    assert "`deploy/as keys pki rotate " in PAGE
    assert rotated.returncode == 3 and "`greenroom init` makes the first one" in rotated.stderr
    for process in PROCESSES:
        private = {path.parent.name for path in (machine.etc / "processes" / process).glob("*/*.pem")}
        assert private == SIGNS[process]


def test_the_table_of_the_page_names_the_keys_that_each_process_has() -> None:
    rows = re.findall(r"^\| `greenroom ([^`]+)` \|[^|]*\|[^|]*\| ([^|]*) \|$", PAGE, re.MULTILINE)
    said = {
        command: set(re.findall(r"approvals|authorities|receipts|ledger", cell)) for command, cell in rows
    }
    names = {"web": "web", "worker --queues cpu": "cpu", "worker --queues io": "io", "relay": "relay",
             "sequencer": "sequencer", "ledger verify --report FILE": "verify"}  # fmt: skip
    assert {names[command]: keys for command, keys in said.items()} == SIGNS


def test_every_file_that_the_page_names_is_there() -> None:
    for name in re.findall(r"deploy/[\w./-]*\w", PAGE):
        assert (ROOT / name).exists(), name
    for name in re.findall(r"`([\w.-]+\.(?:conf|yaml|service\.d|timer))`", PAGE):
        assert list(DEPLOY.rglob(name)), name
