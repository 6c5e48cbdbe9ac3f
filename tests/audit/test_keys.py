"""Keys are made once, readable by their owner only, and what a retired key signed stays verifiable."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from audit import keys, rotation
from audit.errors import KeyProblem
from core.settings import get_settings

pytestmark = pytest.mark.usefixtures("home")


def test_a_key_is_made_on_first_use_with_mode_0600(home: Path) -> None:
    signature = keys.sign("receipts", b"data")
    private = home / "keys" / "receipts" / f"{signature.key_id}.pem"
    assert private.stat().st_mode & 0o777 == 0o600
    assert (home / "keys").stat().st_mode & 0o077 == 0
    assert keys.verify("receipts", signature, b"data")


def test_changed_data_a_changed_signature_and_an_unknown_key_are_refused() -> None:
    signature = keys.sign("receipts", b"data")
    flipped = ("0" if signature.value[0] != "0" else "1") + signature.value[1:]
    assert not keys.verify("receipts", signature, b"other data")
    assert not keys.verify("receipts", keys.Signature(signature.key_id, flipped), b"data")
    assert not keys.verify("receipts", keys.Signature("0" * 16, signature.value), b"data")
    assert not keys.verify("receipts", keys.Signature("../../etc/passwd", signature.value), b"data")
    assert not keys.verify("receipts", keys.Signature(signature.key_id, "not hex"), b"data")


def test_each_name_has_its_own_key() -> None:
    signature = keys.sign("receipts", b"data")
    assert not keys.verify("ledger", signature, b"data")


def test_after_rotation_the_old_signature_still_verifies() -> None:
    before = keys.sign("ledger", b"data")
    new = rotation.rotate("ledger").new
    after = keys.sign("ledger", b"data")
    assert after.key_id == new != before.key_id
    assert keys.verify("ledger", before, b"data")
    assert keys.verify("ledger", after, b"data")
    assert keys.key_ids("ledger") == sorted([before.key_id, new])


def test_many_at_once_make_one_key() -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(keys.current_key_id("receipts"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert keys.key_ids("receipts") == found[:1]


def test_a_key_that_others_can_read_is_not_used(home: Path) -> None:
    key_id = keys.current_key_id("ledger")
    (home / "keys" / "ledger" / f"{key_id}.pem").chmod(0o644)
    with pytest.raises(KeyProblem, match="read by others"):
        keys.sign("ledger", b"data")


def test_a_chmod_while_running_is_noticed(home: Path) -> None:
    """A key that was loaded once is not kept past a change of its file's rights."""
    signature = keys.sign("receipts", b"data")
    private = home / "keys" / "receipts" / f"{signature.key_id}.pem"
    private.chmod(0o640)
    with pytest.raises(KeyProblem, match="read by others"):
        keys.sign("receipts", b"data")
    private.chmod(0o600)
    assert keys.sign("receipts", b"data") == signature


def test_a_key_that_was_put_in_anothers_place_is_noticed(home: Path) -> None:
    signature = keys.sign("receipts", b"data")
    other = keys.sign("ledger", b"data")
    receipts, ledger = home / "keys" / "receipts", home / "keys" / "ledger"
    (receipts / f"{signature.key_id}.pub").write_bytes((ledger / f"{other.key_id}.pub").read_bytes())
    assert not keys.verify("receipts", signature, b"data")


def test_a_rotation_by_another_process_is_noticed(home: Path) -> None:
    before = keys.sign("approvals", b"data")
    pid = os.fork()
    if pid == 0:  # a process of its own
        rotation.rotate("approvals")
        os._exit(0)
    os.waitpid(pid, 0)
    after = keys.sign("approvals", b"data")
    assert after.key_id != before.key_id
    assert keys.verify("approvals", before, b"data") and keys.verify("approvals", after, b"data")


def test_a_rotation_in_the_middle_of_a_signature_leaves_a_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = keys.current_key_id("receipts"), rotation.rotate("receipts").new
    asked = iter([old, new])
    monkeypatch.setattr("audit.keys.current_key_id", lambda _name: next(asked))
    assert keys.verify("receipts", keys.sign("receipts", b"data"), b"data")


@pytest.mark.parametrize("what", ["pem", "current"])
def test_a_damaged_key_says_what_to_do(home: Path, what: str) -> None:
    key_id = keys.current_key_id("ledger")
    path = home / "keys" / "ledger" / ("current" if what == "current" else f"{key_id}.pem")
    path.write_bytes(b"../../etc/passwd")
    with pytest.raises(KeyProblem) as problem:
        keys.sign("ledger", b"data")
    assert "pki rotate ledger" in problem.value.next_step


# approvals: signed where people decide, verified by everybody ------------------------------------------------------


@contextmanager
def another_user(*secrets: Path) -> Iterator[None]:
    """What a process of another user may do. Without the right to become one, the files are taken from this user."""
    if os.geteuid() == 0:
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
        return
    modes = [(path, path.stat().st_mode) for path in secrets]
    for path, _ in modes:
        path.chmod(0o000 if path.is_file() else 0o555)
    try:
        yield
    finally:
        for path, mode in modes:
            path.chmod(mode)


@pytest.fixture
def approval_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of its own, which another user can reach."""
    for folder in (tmp_path, *tmp_path.parents[:3]):
        folder.chmod(0o755)
    monkeypatch.setenv("GREENROOM_APPROVAL_KEYS", str(tmp_path / "approval-keys"))
    get_settings.cache_clear()
    return tmp_path / "approval-keys"


def test_everybody_may_read_the_public_half_and_only_the_owner_the_private(approval_keys: Path) -> None:
    before = os.umask(0o077)
    try:
        signature = keys.sign(keys.APPROVALS, b"a decision")
    finally:
        os.umask(before)
    rights = {path.name: path.stat().st_mode & 0o777 for path in approval_keys.iterdir()}
    assert approval_keys.stat().st_mode & 0o777 == 0o755
    assert rights[f"{signature.key_id}.pem"] == 0o600
    assert rights[f"{signature.key_id}.pub"] == rights["current"] == 0o644


def test_another_user_verifies_and_cannot_sign(approval_keys: Path) -> None:
    signature = keys.sign(keys.APPROVALS, b"a decision")
    private = approval_keys / f"{signature.key_id}.pem"
    with another_user(private, approval_keys):
        assert keys.verify(keys.APPROVALS, signature, b"a decision")
        assert not keys.verify(keys.APPROVALS, signature, b"another decision")
        for attempt in (
            lambda: keys.sign(keys.APPROVALS, b"a forged decision"),
            lambda: rotation.rotate(keys.APPROVALS),
        ):
            with pytest.raises(KeyProblem, match="may not use the approvals key") as problem:
                attempt()
            assert "workers only verify" in problem.value.next_step


def test_a_machine_with_the_public_halves_alone_verifies_and_cannot_sign(approval_keys: Path) -> None:
    signature = keys.sign(keys.APPROVALS, b"a decision")
    (approval_keys / f"{signature.key_id}.pem").unlink()
    assert keys.verify(keys.APPROVALS, signature, b"a decision")
    with pytest.raises(KeyProblem, match="may not use the approvals key"):
        keys.sign(keys.APPROVALS, b"a forged decision")


def test_verifying_makes_no_key(approval_keys: Path, home: Path) -> None:
    for name in keys.NAMES:
        assert not keys.verify(name, keys.Signature("ab" * 8, "cd" * 64), b"data")
        assert keys.known_key_id(name) is None and keys.key_ids(name) == []
    assert not approval_keys.exists() and not (home / "keys").exists()


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_public_half_that_others_could_have_put_there_proves_nothing(
    approval_keys: Path, what: str
) -> None:
    signature = keys.sign(keys.APPROVALS, b"a decision")
    path = approval_keys if what == "folder" else approval_keys / f"{signature.key_id}.pub"
    path.chmod(0o777 if what == "folder" else 0o666)
    with pytest.raises(KeyProblem, match="others than the owner"):
        keys.verify(keys.APPROVALS, signature, b"a decision")


def test_by_default_the_approvals_key_lies_beside_the_others(home: Path) -> None:
    signature = keys.sign(keys.APPROVALS, b"a decision")
    assert (home / "keys" / "approvals" / f"{signature.key_id}.pem").is_file()
    assert not keys.verify(keys.RECEIPTS, signature, b"a decision")


def test_a_name_that_is_a_path_is_refused() -> None:
    with pytest.raises(KeyProblem):
        keys.current_key_id("../ledger")
