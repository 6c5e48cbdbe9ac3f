"""The stored home of the first version is whole. Read here without a line of the product: it stays what it was."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.greenroom.old_home import ARCHIVE, OldHome, unpack

WAITING_OR_ENDED = {
    "draft",
    "voiced",
    "in_review",
    "approved",
    "released",
    "recalled",
    "rejected",
    "blocked",
    "failed",
}


@pytest.fixture
def old_home(tmp_path: Path) -> OldHome:
    return unpack(tmp_path)


@pytest.fixture
def database(old_home: OldHome) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(old_home.home / "greenroom.db")) as connection:
        yield connection


def count(database: sqlite3.Connection, what: str) -> int:
    return int(database.execute(f"SELECT count(*) FROM {what}").fetchone()[0])


def test_it_is_small():
    assert ARCHIVE.stat().st_size < 400_000


def test_it_is_of_the_first_revision(database: sqlite3.Connection):
    assert database.execute("SELECT version_num FROM alembic_version").fetchall() == [("0001",)]
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_every_render_is_in_the_state_that_its_contents_name(old_home: OldHome, database: sqlite3.Connection):
    stored = dict(database.execute("SELECT id, state FROM renders"))
    named = {render["id"]: render["state"] for render in old_home.contents["renders"].values()}
    assert stored == named
    assert set(stored.values()) == WAITING_OR_ENDED


def test_every_blob_holds_the_bytes_of_its_name(old_home: OldHome):
    blobs = [path for path in (old_home.home / "blobs").rglob("*") if path.is_file()]
    assert all(hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in blobs)
    assert {path.parts[-3] for path in blobs} >= {"examined", "sealed", "published", "manifest", "material"}


@pytest.mark.parametrize(
    "what",
    [
        "receipts",
        "approvals",
        "marks",
        "manifests",
        "fingerprints",
        "assets",
        "authority_renders",
        "stage_results",
        "sign_ins",
        "outbox WHERE sent_at IS NULL",
        "outbox WHERE sent_at IS NOT NULL",
        "ledger_entries WHERE position IS NULL",
        "ledger_entries WHERE position IS NOT NULL",
        "ledger_checkpoints",
        "renders WHERE lease_owner IS NOT NULL",
        "authorities WHERE supersedes IS NOT NULL",
        "authority_status WHERE status = 'revoked' AND effect = 'recall'",
        "authority_status WHERE status = 'suspended'",
    ],
)
def test_it_holds(database: sqlite3.Connection, what: str):
    assert count(database, what) > 0


def test_its_keys_can_be_read_by_their_owner_alone(old_home: OldHome):
    private = [*(old_home.home / "keys").rglob("*.pem"), old_home.home / "keys" / "master-secret"]
    secret = [path for path in private if b"PRIVATE" in path.read_bytes() or path.name == "master-secret"]
    assert len(secret) >= 3
    assert all(path.stat().st_mode & 0o077 == 0 for path in secret)
