"""The verifier's page: what happens is told as it happens, a busy machine queues and says so."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.errors import InputError
from core.settings import get_settings
from review_ui import child
from review_ui.child import Busy, CheckFailed, _Line, steps
from tests.review_ui.test_answers import report

SHA = "ab" * 32
TEXT = {"file": ("a.mp4", b"this is only text")}
LINES = {"accept": "application/x-ndjson"}
REPORT = report("nothing_found", {"present": False}, release="unreleased", trusted=False) | {
    "sha256": SHA, "picture": "/9j/4AAQ",
}  # fmt: skip


@pytest.fixture
def checked(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Checks answer ``REPORT`` after a word on each part; where the uploads lay."""
    seen: list[Path] = []

    async def told(_task: str, path: Path) -> AsyncIterator[dict[str, Any]]:
        assert path.is_file()
        seen.append(path)
        yield {"ahead": 1}
        yield {"part": "mark"}
        yield REPORT

    async def once(_task: str, path: Path) -> dict[str, Any]:
        seen.append(path)
        return REPORT

    monkeypatch.setattr("review_ui.pages.verify.steps", told)
    monkeypatch.setattr("review_ui.pages.verify.run_child", once)
    return seen


def lines(client: TestClient, name: str = "a.mp4") -> list[dict[str, Any]]:
    answer = client.post("/verify", files={"file": (name, b"x")}, headers=LINES)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("application/x-ndjson")
    return [json.loads(line) for line in answer.text.splitlines()]


def test_a_script_is_told_what_happens_and_gets_the_words_of_the_page(
    client: TestClient, checked: list[Path]
):
    *told, last = lines(client)
    page = client.post("/verify", files={"file": ("a.mp4", b"x")})
    assert told == [{"ahead": 1}, {"part": "mark"}] and last["status"] == page.status_code == 200
    assert last["html"].count("data-verdict") == 1

    def without_link(text: str) -> str:
        return "".join(line.strip() for line in text.splitlines() if "/verify/said/" not in line)

    assert without_link(last["html"]) in without_link(page.text)


def test_the_upload_is_gone_with_the_answer_either_way(
    client: TestClient, checked: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # other tests have uploads, too
    lines(client)
    client.post("/verify", files={"file": ("a.mp4", b"x")})
    assert len(checked) == 2 and not any(path.exists() or path.parent.exists() for path in checked)
    assert not list(Path(tempfile.gettempdir()).glob("greenroom-upload-*/upload.mp4"))


def test_the_answer_shows_name_and_picture_of_what_was_checked(client: TestClient, checked: list[Path]):
    name = '"><script>alert(1)</script>\u202egpj.mp4'
    page = client.post("/verify", files={"file": (name, b"x")}).text
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page and "\u202e" not in page
    assert 'src="data:image/jpeg;base64,/9j/4AAQ"' in page and SHA in page
    assert len(page) < 30_000


def test_a_verdict_that_is_passed_on_is_a_page_and_a_made_up_one_is_none(
    client: TestClient, checked: list[Path]
):
    page = client.post("/verify", files={"file": ("a.mp4", b"x")}).text
    address = page.split('<p class="share"><a href="')[1].split('"')[0]
    shown = client.get(address)
    assert shown.status_code == 200 and "Nothing found" in shown.text and SHA in shown.text
    assert "a.mp4" not in shown.text
    assert client.get(address[:-2]).status_code == 404


def test_a_file_that_is_no_video_is_the_same_fault_everywhere(client: TestClient, account: Any):
    """One real file through the real child, at every address that takes one."""
    from tests.review_ui.conftest import PASSWORD

    page = client.post("/verify", files=TEXT)
    api = client.post("/api/v1/verify", files=TEXT)
    analyzed = client.post("/api/v1/analyze_video", files=TEXT, auth=(account.email, PASSWORD))
    assert {page.status_code, api.status_code, analyzed.status_code} == {422}
    assert api.json()["error"]["code"] == analyzed.json()["error"]["code"] == "not_a_video"
    assert 'data-verdict="unreadable"' in page.text


@pytest.mark.parametrize("path", ["/verify", "/api/v1/verify", "/v/anything", "/v/anything/poster.jpg"])
def test_an_error_has_one_shape_for_programs(client: TestClient, path: str):
    method = "GET" if path.startswith("/v/") else "POST"
    answer = client.request(method, path, headers={"accept": "application/json"})
    assert answer.status_code == (404 if method == "GET" else 422)
    assert set(answer.json()) == {"error"}
    assert set(answer.json()["error"]) == {"code", "what", "where", "next"}


def test_a_fault_on_the_way_is_told_in_the_stream_with_its_status(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
):
    async def broken(*_: object) -> AsyncIterator[dict[str, Any]]:
        yield {"part": "mark"}
        raise InputError("this went wrong", next_step="go on")

    monkeypatch.setattr("review_ui.pages.verify.steps", broken)
    assert lines(client)[-1]["status"] == 422 and "This went wrong." in lines(client)[-1]["html"]


def test_a_link_to_a_verdict_is_where_the_installation_says_that_it_is(
    client: TestClient, checked: list[Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GREENROOM_WEB_ORIGIN", "https://greenroom.brand.example")
    get_settings.cache_clear()
    page = client.post("/verify", files={"file": ("a.mp4", b"x")}).text
    assert 'href="https://greenroom.brand.example/verify/said/' in page


def test_the_page_knows_how_large_a_file_may_be(client: TestClient):
    assert f'data-most="{get_settings().web.upload_max_bytes}"' in client.get("/verify").text


def test_who_is_signed_in_is_so_here_too_and_of_others_nothing_is_asked(
    client: TestClient, account: Any, signed: Any, monkeypatch: pytest.MonkeyPatch
):
    signed(account)
    assert account.email in client.get("/verify").text
    client.cookies.clear()
    monkeypatch.setattr(
        "review_ui.security.signed_in", lambda _token: pytest.fail("nobody came with a cookie")
    )
    assert "Sign in" in client.get("/verify").text


# The line in which files wait


def test_who_comes_first_is_served_first_and_everybody_hears_how_many_are_before():
    line = _Line(1)
    first, second, third = line.join(), line.join(), line.join()
    assert [first.is_set(), second.is_set(), third.is_set()] == [True, False, False]
    assert (line.ahead(second), line.ahead(third)) == (1, 2)
    line.leave(second)  # gave up
    assert line.ahead(third) == 1 and not third.is_set()
    line.leave(first)
    assert third.is_set()


def test_a_line_that_is_full_says_how_long_it_is():
    line = _Line(2)
    for _ in range(line.places):
        line.join()
    with pytest.raises(Busy, match="10 files are being checked") as told:
        line.join()
    assert told.value.http_status == 503 and told.value.retryable


def test_two_files_at_once_are_both_answered_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """The second waits, hears of it, and its time begins when its turn comes."""
    running: list[str] = []

    async def slow(_task: str, path: Path, _url: str) -> AsyncIterator[dict[str, Any]]:
        running.append(path.name)
        assert len(running) == 1
        await asyncio.sleep(0.15)
        running.remove(path.name)
        yield {"verdict": path.name}

    monkeypatch.setitem(child._LINES, "show", _Line(1))
    monkeypatch.setattr(child, "_run", slow)
    monkeypatch.setattr(child, "_TELLS", 0.02)

    async def told(name: str) -> list[dict[str, Any]]:
        return [step async for step in steps("show", tmp_path / name)]

    async def both() -> list[list[dict[str, Any]]]:
        return await asyncio.gather(told("a"), told("b"))

    first, second = asyncio.run(both())
    assert first == [{"verdict": "a"}]
    assert second[0] == {"ahead": 1} and len(second) > 3 and second[-1] == {"verdict": "b"}


def test_somebody_who_goes_away_leaves_the_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    line = _Line(1)
    monkeypatch.setitem(child._LINES, "show", line)

    async def go_away() -> None:
        mine = line.join()
        waiting = steps("show", tmp_path)
        assert await anext(waiting) == {"ahead": 1}
        await waiting.aclose()
        assert line.ahead(mine) == 0 and len(line._tickets) == 1

    asyncio.run(go_away())


def test_a_check_that_takes_too_long_is_ended_and_nobody_is_told_to_send_less(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, home: Path
):
    monkeypatch.setitem(child.SECONDS, "show", 0.0)
    with pytest.raises(CheckFailed) as told:
        asyncio.run(child.run_child("show", tmp_path / "none.mp4"))
    assert (told.value.code, told.value.http_status) == ("check_timeout", 503)
    assert told.value.next_step.startswith("try again later")
