"""Keys are made once, readable by their owner only, and what a retired key signed stays verifiable."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from audit import keys
from audit.errors import KeyProblem

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
    new = keys.rotate("ledger")
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
        keys.private_key("ledger")


def test_a_name_that_is_a_path_is_refused() -> None:
    with pytest.raises(KeyProblem):
        keys.current_key_id("../ledger")


def test_a_write_that_fails_leaves_the_old_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = home / "file"
    home.mkdir(exist_ok=True)
    keys.write_durably(target, b"old")

    def full_disk(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("audit.keys.os.fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        keys.write_durably(target, b"new")
    assert target.read_bytes() == b"old"
    assert [file.name for file in home.iterdir() if file.name.endswith(".tmp")] == []
