"""The previous release and this one work on one database at the same time: what an upgrade without a pause stands on.

The old code is the old code: taken from the repository's history, started in processes of its own, on a database that
this code has migrated. What one makes the other goes on with, in every state that a render waits in. What this does not
show: PostgreSQL (the previous release does not know its guard), media and models (the kit's stand in), and two releases
further back.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.ledger import sequence_pending, verify_ledger
from core.database import engine
from core.settings import get_settings
from greenroom.database import migrate
from greenroom.schema import standing
from tests.packages import PACKAGES

ROOT = Path(__file__).parents[2]
PREVIOUS = "1b4d148f1a75a743e28336e3f790c4e859185d47"
"""The last commit of the previous release. Each release moves it on; a contraction may only follow such a move."""

# One process of a release: makes renders, then goes on with those that the other one made.
PROCESS = """
import dataclasses, json, sys
from pathlib import Path
from core.gates import load_gate_set
from delivery.errors import ReleaseRefused
from tests.kit.world import world

PEOPLE = ("brand_id", "operator", "reviewer", "second_reviewer", "legal")

with world(Path(sys.argv[1]), signer="recorded", make_tables=lambda: None) as mine:
    renders = {"waiting": mine.render(), "in_review": mine.to_review()}
    renders |= {"approved": mine.approved(), "released": mine.released()}
    made = {name: getattr(mine, name) for name in PEOPLE}
    made |= {"gates": load_gate_set().sha256, "renders": {name: row.id for name, row in renders.items()}}
    print(json.dumps(made), flush=True)
    theirs = json.loads(sys.stdin.readline())
    given, gates = theirs.pop("renders"), theirs.pop("gates")
    other = dataclasses.replace(mine, **theirs)

    def release(render_id):
        try:
            return other.release(render_id)
        except ReleaseRefused as error:
            assert gates != load_gate_set().sha256 and "gate set changed" in str(error), error
            return other.now_is(render_id)

    after = {
        "waiting": other.advance(given["waiting"]),
        "in_review": other.approve(given["in_review"]),
        "approved": release(given["approved"]),
        "released": other.recall(given["released"]),
    }
    print(json.dumps({name: str(row.state) for name, row in after.items()}), flush=True)
"""


def expected(same_gates: bool) -> dict[str, str]:
    """What becomes of each. What other gates examined is not released: it has to be made again."""
    approved = "released" if same_gates else "approved"
    return {"waiting": "in_review", "in_review": "approved", "approved": approved, "released": "recalled"}


@pytest.fixture(scope="module")
def old_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The previous release's packages and its kit."""
    paths = [*PACKAGES, "tests/__init__.py", "tests/conftest.py", "tests/kit"]
    archive = subprocess.run(
        ["git", "archive", "--format=tar", PREVIOUS, *paths], cwd=ROOT, capture_output=True, check=False
    )
    if archive.returncode:
        pytest.fail(
            "the previous release is not in this clone's history. Next: git fetch --unshallow. "
            + archive.stderr.decode()[-300:]
        )
    folder = tmp_path_factory.mktemp("previous-release")
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home that this code has migrated."""
    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    migrate()
    yield tmp_path / "home"
    engine().dispose()
    get_settings.cache_clear()


def start(tree: Path, home: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROCESS, str(home)],
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def said(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line, "the process ended: its error is above"
    return json.loads(line)


def test_each_release_goes_on_with_what_the_other_made(old_tree: Path, database: Path) -> None:
    # The old one was there before: what it signed with its receipts key is what the new one goes on with.
    processes = [start(old_tree, database)]
    try:
        made = [said(processes[0])]
        processes.append(start(ROOT, database))
        made.append(said(processes[1]))
        for process, theirs in zip(processes, reversed(made), strict=True):
            assert process.stdin is not None
            process.stdin.write(json.dumps(theirs) + "\n")
            process.stdin.flush()
        after = expected(made[0]["gates"] == made[1]["gates"])
        assert [said(process) for process in processes] == [after, after]
    finally:
        for process in processes:
            process.kill()
            process.wait(10)
            for stream in (process.stdin, process.stdout):
                assert stream is not None
                stream.close()
    while sequence_pending():
        pass
    report = verify_ledger()
    assert report.good, report.text()


def test_the_previous_release_does_not_stop_because_the_migration_has_run(
    old_tree: Path, database: Path
) -> None:
    """This code on the tables of a later release, as the old code meets it: ahead, and every command goes on."""
    from sqlalchemy import text

    with engine().begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'a later one'"))
    assert standing() == "ahead"
    migrate()
    assert standing() == "ahead", "nothing is put back"
