"""The command line's stable parts: one JSON document, exit codes, errors that say what to do."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.settings import get_settings
from greenroom.cli import main


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREENROOM_HOME", str(tmp_path / "home"))
    get_settings.cache_clear()
    yield
    get_settings.cache_clear()


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    try:
        code = main(list(arguments))
    except SystemExit as ended:
        code = int(ended.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_wrong_use_ends_with_two(capsys: pytest.CaptureFixture[str]):
    code, _, err = run(capsys, "nonsense")
    assert code == 2 and "usage" in err


def test_a_text_file_is_unreadable_and_the_answer_is_no(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    text = tmp_path / "notes.mp4"
    text.write_text("not a video")
    code, out, _ = run(capsys, "verify", str(text), "--json")
    assert code == 1 and json.loads(out)["verdict"] == "unreadable"


@pytest.mark.parametrize("content", [b"", b"not a video"])
def test_analyzing_what_is_no_video_fails_with_a_next_step(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes
):
    path = tmp_path / "broken.mp4"
    path.write_bytes(content)
    code, out, err = run(capsys, "analyze", str(path), "--json")
    assert code == 3
    error = json.loads(out)["error"]
    assert error["code"] in ("empty_file", "not_a_video") and error["next"]
    assert "Next:" in err


def test_a_missing_file_is_named(capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, "verify", "/nowhere.mp4", "--json")
    assert code == 3 and json.loads(out)["error"]["code"] == "no_file"


def test_the_models_are_listed_and_whole(capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, "models", "list", "--json")
    assert code == 0 and all(entry["state"] == "ready" for entry in json.loads(out))


def test_an_empty_ledger_verifies(capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, "ledger", "verify", "--json")
    assert code == 0 and json.loads(out)


def test_deciding_without_an_account_says_which_option_to_use(capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, "review", "list", "--json")
    assert code == 3 and json.loads(out)["error"]["where"] == "--as"


def test_a_text_that_breaks_the_rules_is_answered_with_no_and_its_words(capsys: pytest.CaptureFixture[str]):
    code, out, _ = run(capsys, "policy", "check", "This tea is guaranteed to cure any cold.", "--json")
    document = json.loads(out)
    assert code == 1 and document["verdict"] == "block"
    assert "guaranteed" in {span["text"] for finding in document["findings"] for span in finding["spans"]}
    assert run(capsys, "policy", "check", "Your tea is on its way.", "--json")[0] == 0
