"""``deploy/lay-out`` with real users: each process's user reads its own private halves and nobody else's."""

from __future__ import annotations

import os
import pickle
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit import keys
from audit.errors import KeyProblem
from core.database import engine
from core.settings import get_settings
from tests.deploy import DEPLOY, PROCESSES, SIGNS
from tests.deploy.test_units import unit_of, values

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to other users")

UIDS = {process: 61_001 + number for number, process in enumerate(PROCESSES)}
SECRETS = ("master-secret", "pgpass", "claim.key")


@pytest.fixture
def source(home: Path) -> Path:
    """What `pki init` leaves, and the files beside it."""
    for name in keys.NAMES:
        keys.sign(name, b"the first signature")
    for name in SECRETS:
        (home / "keys" / name).write_text(f"{name} of a test\n")
        (home / "keys" / name).chmod(0o600)
    return home / "keys"


@pytest.fixture
def out() -> Iterator[Path]:
    """A folder that every user may look into: pytest's own is root's."""
    folder = Path(tempfile.mkdtemp(prefix="greenroom-lay-out-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def lay_out(source: Path, out: Path, **users: int | str) -> subprocess.CompletedProcess[str]:
    pairs = " ".join(f"{process}:{uid}" for process, uid in (users or UIDS).items())
    return subprocess.run(
        [DEPLOY / "lay-out", source, out],
        env=os.environ | {"GREENROOM_USERS": pairs},
        capture_output=True,
        text=True,
        check=False,
    )


def as_user(uid: int, question: Callable[[], Any]) -> Any:
    """What a function answers in a child process that has become that user for good."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            os.write(write, pickle.dumps(question()))
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as answer:
        data = answer.read()
    os.waitpid(child, 0)
    return pickle.loads(data)


def readable(files: list[Path]) -> set[Path]:
    found = set()
    for file in files:
        try:
            file.read_bytes()
        except PermissionError:
            continue
        found.add(file)
    return found


def test_each_user_reads_the_secrets_of_its_own_process_alone(source: Path, out: Path) -> None:
    assert lay_out(source, out).returncode == 0
    secret = [file for file in out.rglob("*") if file.suffix == ".pem" or file.name in SECRETS]
    for process, uid in UIDS.items():
        mine = {f"{name}/{keys.known_key_id(name)}.pem" for name in SIGNS[process]} | {
            "master-secret",
            "pgpass",
        }
        mine |= {"claim.key"} if process == "io" else set()
        assert as_user(uid, lambda: readable(secret)) == {out / process / name for name in mine}, process


def test_by_the_units_each_process_can_sign_what_it_has_to_and_nothing_else(source: Path, out: Path) -> None:
    """The folders that a unit names, under the user that it names, among what of them the unit can see."""
    assert lay_out(source, out).returncode == 0
    for process, uid in UIDS.items():
        unit = unit_of(process)
        assert values(unit, "User") == [f"greenroom-{process}"], "the user whose number stands in for it here"
        (seen,) = values(unit, "BindReadOnlyPaths")
        settings = dict(line.split("=", 1) for line in values(unit, "Environment") if "_KEYS=" in line)
        assert set(settings) == set(keys.SETTINGS.values())
        can = set()
        for name, setting in keys.SETTINGS.items():
            assert settings[setting].startswith(f"{seen}/")
            folder = out / process / settings[setting].removeprefix(f"{seen}/")
            private = list(folder.glob("*.pem"))
            assert list(folder.glob("*.pub")), "it verifies whatever is signed"
            if as_user(uid, lambda private=private: readable(private)):
                can.add(name)
        assert can == SIGNS[process], process


def test_every_user_reads_every_public_half_and_writes_nothing(source: Path, out: Path) -> None:
    lay_out(source, out)
    everything = list(out.rglob("*"))
    public = [file for file in everything if file.suffix == ".pub"]
    assert len(public) == len(PROCESSES) * len(keys.NAMES)
    for uid in UIDS.values():
        assert as_user(uid, lambda: readable(public)) == set(public)
    assert {path.stat().st_uid for path in everything if path.is_dir() or path.suffix == ".pub"} == {0}
    assert not [path for path in everything if stat.S_IMODE(path.stat().st_mode) & 0o022]


def test_a_worker_signs_receipts_and_no_decision_and_verifies_what_the_web_decided(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decided = keys.sign(keys.APPROVALS, b"approved")
    engine().dispose()
    lay_out(source, out)
    home = out / "home-of-cpu"
    home.mkdir()
    (home / "keys").symlink_to(out / "cpu")
    os.chown(home, UIDS["cpu"], UIDS["cpu"])

    def work() -> tuple[bool, bool, str]:
        monkeypatch.setenv("GREENROOM_HOME", str(home))
        get_settings.cache_clear()
        receipt = keys.sign(keys.RECEIPTS, b"measured")
        try:
            keys.sign(keys.APPROVALS, b"approved, says the worker")
            refused = ""
        except KeyProblem as error:
            refused = error.code
        known = keys.verify(keys.APPROVALS, decided, b"approved")
        return keys.verify(keys.RECEIPTS, receipt, b"measured"), known, refused

    signed, known, refused = as_user(UIDS["cpu"], work)
    assert signed and known and refused


def test_after_a_rotation_the_new_key_is_there_and_a_key_that_was_taken_away_is_not(
    source: Path, out: Path
) -> None:
    lay_out(source, out)
    old = keys.known_key_id(keys.RECEIPTS)
    (source / "receipts" / f"{old}.pem").unlink()
    (source / "receipts" / "current").unlink()
    for left in (source / "receipts").glob("*.pub"):
        left.rename(left.with_suffix(".kept"))
    keys.sign(keys.RECEIPTS, b"the first signature of the next key")
    new = keys.known_key_id(keys.RECEIPTS)
    assert new != old and lay_out(source, out).returncode == 0
    assert [path.stem for path in (out / "cpu" / "receipts").glob("*.pem")] == [new]
    assert (out / "cpu" / "receipts" / "current").read_text().strip() == new


def test_a_command_is_run_as_the_process_would_run_it(source: Path, out: Path) -> None:
    """``deploy/as``: its user, its settings and keys, and nothing of root's environment."""
    lay_out(source, out / "processes")
    (out / "greenroom.env").write_text(
        "# made up\nGREENROOM_ENVIRONMENT=production\nA_LABEL=two words; $(id)\n"
    )
    given = {"GREENROOM_ETC": str(out), "GREENROOM_AS": str(UIDS["io"]), "GREENROOM_PROGRAM": "/bin/sh"}
    answer = subprocess.run(
        [DEPLOY / "as", "io", "-c", "id -u; id -G; env; head -c 9 $GREENROOM_SIGNING_KEY"],
        env=os.environ | given | {"A_SECRET_OF_ROOT": "made up"},
        capture_output=True,
        text=True,
        check=True,
    )
    lines = answer.stdout.splitlines()
    assert lines[:2] == [str(UIDS["io"])] * 2 and lines[-1] == "claim.key"
    assert "GREENROOM_ENVIRONMENT=production" in lines and "A_LABEL=two words; $(id)" in lines
    assert f"GREENROOM_APPROVAL_KEYS={out}/processes/io/approvals" in lines
    assert "A_SECRET_OF_ROOT" not in answer.stdout


def test_without_its_users_nothing_is_laid_out(source: Path, out: Path) -> None:
    """As a new machine is before systemd-sysusers: no secret is left in a folder that nobody owns."""
    answer = lay_out(source, out, web=UIDS["web"], cpu="greenroom-nobody-of-this-name")
    assert answer.returncode == 3 and "systemd-sysusers" in answer.stderr and not list(out.iterdir())


def test_without_keys_nothing_is_laid_out(tmp_path: Path, out: Path) -> None:
    answer = lay_out(tmp_path, out)
    assert answer.returncode == 3 and "Next:" in answer.stderr and not list(out.iterdir())
