"""``greenroom ledger witness|prove|check-proof|acknowledge``: what they print, write and refuse."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.ledger import sequence_pending
from audit.ledger.witness import cosigned
from core.database import transaction
from core.settings import get_settings
from greenroom.cli import main
from greenroom.database import migrate
from tests.audit.conftest import append_one


@pytest.fixture
def entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A migrated home with one entry in a checkpoint; its id."""
    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    migrate()
    with transaction() as session:
        entry_id = append_one(session)
    sequence_pending()
    yield entry_id
    get_settings.cache_clear()


def told(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> Any:
    capsys.readouterr()
    assert main([*words, "--json"]) == code
    return json.loads(capsys.readouterr().out)


def test_a_checkpoint_is_kept_and_asked_by_each_verification(
    entry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "witnesses"
    folder.mkdir()
    monkeypatch.setenv("GREENROOM_WITNESSES", str(folder))
    get_settings.cache_clear()
    first = told(capsys, "ledger", "witness")
    assert Path(first["file"]).parent == folder and first["size"] == 1
    with transaction() as session:
        append_one(session)
    sequence_pending()
    told(capsys, "ledger", "witness")
    report = told(capsys, "ledger", "verify")
    assert [(one["size"], one["ahead"], one["continues"]) for one in report["witnessed"]] == [
        (1, 1, True),
        (2, 0, True),
    ]
    (folder / "rubbish.checkpoint").write_text("rubbish")
    assert told(capsys, "ledger", "verify", code=3)["error"]["code"] == "note"


def test_the_operators_key_says_when_it_was_seen(
    entry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (tmp_path / "operator.pem").write_bytes(pem)
    words = ("ledger", "witness", "--out", str(tmp_path / "kept"), "--cosign", str(tmp_path / "operator.pem"))
    told(capsys, *words, "--name", "operator.example")
    assert cosigned((tmp_path / "kept").read_text(), "operator.example", key.public_key()) > 1_700_000_000
    assert told(capsys, "ledger", "verify", "--against", str(tmp_path / "kept"))["witnessed"][0]["continues"]
    (tmp_path / "operator.pem").write_text("no key")
    assert "cosigning key" in told(capsys, *words, code=3)["error"]["what"]
    words = ("ledger", "witness", "--out", str(tmp_path / "absent" / "kept"))
    assert "cannot be written" in told(capsys, *words, code=3)["error"]["what"]


def test_a_proof_is_checked_elsewhere_with_the_public_key_alone(
    entry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proof = tmp_path / "proof"
    told(capsys, "ledger", "prove", entry, "--out", str(proof))
    (key,) = told(capsys, "ledger", "witness")["keys"]
    words = ["ledger", "check-proof", str(proof), "--key", key, "--json"]
    elsewhere = {"GREENROOM_HOME": str(tmp_path / "elsewhere"), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-m", "greenroom.cli", *words],
        env=elsewhere,
        capture_output=True,
        text=True,
        check=False,
    )
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["proven"], answer["entry"]["id"]) == (0, True, entry)
    assert not (tmp_path / "elsewhere").exists()


def test_what_proves_nothing_is_answered_with_no(
    entry: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told(capsys, "ledger", "prove", entry, "--out", str(tmp_path / "proof"))
    text = (tmp_path / "proof").read_text()
    header, extra, rest = text.split("\n", 2)
    for damaged in ("", text[:-20], f"{header}\n{rest}", text.replace("index 0", "index 1"), extra):
        (tmp_path / "other").write_text(damaged)
        assert told(capsys, "ledger", "check-proof", str(tmp_path / "other"), code=1)["proven"] is False
    assert told(capsys, "ledger", "check-proof", str(tmp_path / "proof"))["proven"] is True
    assert told(capsys, "ledger", "check-proof", "/nowhere", code=3)["error"]["code"] == "bad_input"
    assert told(capsys, "ledger", "prove", "led_absent", code=3)["error"]["code"] == "not_found"


def test_nothing_is_acknowledged_where_nothing_waits(entry: str, capsys: pytest.CaptureFixture[str]) -> None:
    from pipeline.service import create_brand
    from review_ui.accounts import create_account

    brand = create_brand("Example")
    for role in ("admin", "operator"):
        create_account(brand_id=brand.id, email=f"{role}@example.org", role=role, password="a long password")
    words = ("ledger", "acknowledge", "--because", "nothing_lost", "--as")
    error = told(capsys, *words, "admin@example.org", code=3)["error"]
    assert error["code"] == "nothing_to_acknowledge"
    assert told(capsys, *words, "operator@example.org", code=3)["error"]["code"] == "forbidden"
