"""A command that only reads answers while somebody else holds the write lock; one that writes says that it cannot."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select, text

import core.database
import core.engines
from audit.ledger import sequence_pending
from core.database import engine, transaction
from core.settings import get_settings
from core.tables import BrandRow
from greenroom.cli import build_parser, main
from greenroom.database import migrate
from pipeline.service import create_brand
from review_ui.accounts import create_account
from tests.audit.conftest import STATEMENT, full_scope

# Another process: its lock is on the file, not on anything of ours.
HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1], isolation_level=None)
held.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A migrated home with a brand, an account and an authority, where nobody waits long for a lock."""
    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(core.engines, "BUSY_SECONDS", 0.1)
    get_settings.cache_clear()
    core.database._engine_for.cache_clear()
    migrate()
    brand = create_brand("Example")
    create_account(brand_id=brand.id, email="one@example.org", role="admin", password="a long password")
    yield tmp_path / "home"
    engine().dispose()
    get_settings.cache_clear()


@pytest.fixture
def authority(house: Path) -> str:
    from audit.authorities import create_provenance_statement

    with transaction() as session:
        brand_id = session.scalars(select(BrandRow.id)).one()
        return create_provenance_statement(
            session, brand_id=brand_id, persona_id="per_1", scope=full_scope(brand_id), actor="usr_1",
            statement=STATEMENT,
        ).id  # fmt: skip


@contextmanager
def locked(home: Path) -> Iterator[None]:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(home / "greenroom.db")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None and holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        yield
    finally:
        holder.stdin.close()
        holder.wait(5)
        holder.stdout.close()


READS = {
    "analyze": "{video}",
    "authority show": "{authority}",
    "campaign list": "",
    "health": "relay",
    "hold list": "",
    "key list": "",
    "ledger verify": "",
    "ledger witness": "",
    "ledger prove": "led_absent",
    "ledger check-proof": "{video}",
    "link list": "rnd_absent",
    "models list": "",
    "models verify": "",
    "persona list": "",
    "pki anchors": "",
    "pki check": "",
    "policy check": "Hello.",
    "review list": "",
    "status": "",
    "suppression count": "",
    "suppression look": "asha@kit.example",
    "tag show": "cmp_absent",
    "webhook list": "",
    "webhook messages": "",
    "brand list": "",
    "user list": "",
    "user invitations": "--brand brd_absent",
    "verify": "{video}",
    "verify --offline": "{video}",
    "watermark detect": "{video}",
}
# They write to the database, or to the disk.
WRITES = (
    "backup|restore|ledger acknowledge|migrate|web|worker|relay|sequencer|"
    "demo|init|up|brand add|user brand|user leave-brand|user invite|user uninvite|"
    "render|import|release|recall|review approve|review reject|link make|link revoke|watermark embed|"
    "persona add|authority suspend|authority resume|authority revoke|authority supersede|campaign create|"
    "suppression add|suppression remove|suppression import|tag set|webhook make|webhook rotate|webhook test|"
    "webhook end|webhook redeliver|"
    "hold place|hold lift|key make|key revoke|campaign submit|campaign pause|campaign resume|campaign cancel|"
    "pki init|pki rotate|user add|user role|user password|user disable|user enable|user forget-factors|models pull"
)


def actions(parser: argparse.ArgumentParser, before: str = "") -> Iterator[str]:
    """Every verb with its action, as a person types them."""
    below = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    for choices in below:
        for name, one in choices.choices.items():
            yield from actions(one, f"{before} {name}".strip())
    if not below:
        yield before


def test_of_each_command_it_is_known_whether_it_writes() -> None:
    """A new one is added to the list where it belongs."""
    reading = {name.removesuffix(" --offline") for name in READS}
    assert set(actions(build_parser())) == reading | set(WRITES.split("|"))


@pytest.mark.parametrize("command", READS)
def test_it_answers_while_the_write_lock_is_held(
    house: Path, authority: str, tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    video = tmp_path / "notes.mp4"
    video.write_text("not a video")
    words = f"{command} {READS[command]}".format(authority=authority, video=video).split()
    main([*words, "--json"])  # what is made once, keys and a development authority, is there
    capsys.readouterr()
    with locked(house):
        main([*words, "--json"])
    answer = json.loads(capsys.readouterr().out)
    if isinstance(answer, dict) and "error" in answer:  # an answer too: no such render, no such video
        assert answer["error"]["code"] in ("not_found", "not_a_video")


def test_one_that_writes_says_so_and_fails(
    house: Path, authority: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with locked(house):
        code = main(["authority", "revoke", authority, "--reason", "a test", "--json"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert (code, error["code"]) == (3, "database_busy")
    assert error["next"].startswith("try again")


def test_a_home_that_is_not_there_yet_is_made_by_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "new"))
    get_settings.cache_clear()
    try:
        assert main(["user", "list", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == []
    finally:
        engine().dispose()
        get_settings.cache_clear()


def test_verifying_the_ledger_gives_no_entry_a_position(
    house: Path, authority: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Entries that no checkpoint covers are verified as they stand, and counted."""
    assert main(["ledger", "verify", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert (first["size"], first["pending"] > 0) == (0, True)
    assert main(["ledger", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == first
    sequence_pending()
    assert main(["ledger", "verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["size"] == first["pending"]


def test_a_pending_entry_that_was_changed_is_named(
    house: Path, authority: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with transaction() as session:
        session.execute(text("UPDATE ledger_entries SET subject = 'usr_other'"))
    assert main(["ledger", "verify", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["problems"]
