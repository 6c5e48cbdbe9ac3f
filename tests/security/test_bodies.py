"""What a request may bring: bodies are bounded in size, time, letters and number before anybody is asked for a name."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from core.blobs import blobs
from core.errors import InputError
from core.settings import get_settings
from greenroom.web import make_app
from pipeline.tables import RenderRow
from review_ui import bodies
from review_ui.bodies import AT_ONCE, AT_ONCE_FROM_ONE, FORM_BYTES, UPLOADS
from review_ui.child import places
from review_ui.tables import AccountRow


def part(name: str, value: bytes) -> bytes:
    return b'--x\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n' + value + b"\r\n"


def multipart(*parts: bytes, charset: str = "") -> dict[str, Any]:
    kind = "multipart/form-data; boundary=x" + (f"; charset={charset}" if charset else "")
    return {"content": b"".join(parts) + b"--x--\r\n", "headers": {"content-type": kind}}


def error_of(answer: Any) -> str:
    code: str = answer.json()["error"]["code"]
    return code


@pytest.mark.parametrize("path", ["/sign-in", "/verify", "/api/v1/verify"])
def test_a_form_in_a_codec_of_the_senders_choice_is_not_parsed(client: TestClient, path: str):
    """Decoding Punycode takes time that grows with the square of its length: 6 s for this one."""
    slow = b"a" * 60_000 + b"-" + b"ba" * 60_000
    for codec in ("punycode", "idna", "utf-7", "unicode_escape", "zlib", "no-such", "\u00e9"):
        sent = multipart(part("email", slow), charset=codec)
        sent["headers"] = {"content-type": sent["headers"]["content-type"].encode("latin-1")}
        began = time.process_time()
        answer = client.post(path, **sent)
        assert answer.status_code == 422 and "UTF-8" in answer.text, codec
        assert time.process_time() - began < 3, codec


def test_utf_8_may_be_said(client: TestClient):
    parts = part("email", b"a@b.example"), part("password", b"a wrong password")
    for charset in ("utf-8", "UTF8", "us-ascii"):
        assert client.post("/sign-in", **multipart(*parts, charset=charset)).status_code == 403


def test_only_uploads_are_large(client: TestClient):
    assert client.post("/sign-in", data={"email": "x" * FORM_BYTES}).status_code == 413
    many = multipart(*(part("f", b"x" * 50_000) for _ in range(20)))
    assert client.post("/sign-in", **many).status_code == 413
    assert client.post("/renders/rnd_1/approve", data={"asset": "x" * FORM_BYTES}).status_code == 413


def test_an_upload_holds_one_file_and_few_small_fields(client: TestClient):
    def sent(*parts: bytes) -> int:
        return client.post("/api/v1/verify", **multipart(*parts)).status_code

    assert sent(part("note", b"x" * 65_000)) == 422
    assert sent(*(part(f"f{number}", b"x") for number in range(81))) == 422
    two = {"files": [("file", ("a.mp4", b"x")), ("file", ("b.mp4", b"x"))]}
    assert client.post("/api/v1/verify", **two).status_code == 422


def test_the_limit_of_uploads_is_a_setting(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GREENROOM_WEB_UPLOAD_MAX_BYTES", "1000")
    get_settings.cache_clear()
    answer = client.post("/api/v1/verify", files={"file": b"x" * 2000})
    assert answer.status_code == 413 and error_of(answer) == "too_large"


def test_a_body_that_says_that_it_is_too_large_is_refused_before_it_is_read(home: Any):
    large = str(get_settings().web.upload_max_bytes + 1).encode()
    asked = [asyncio.run(Asgi().post(path, None, length=large)) for path in ("/verify", "/sign-in")]
    assert asked == [413, 413]


def test_there_is_a_place_for_whatever_the_line_of_checks_holds():
    """A place is held while its file waits: with fewer of them the line would never fill."""
    checks = {"verify": places("verify"), "analyze": places("analyze")}
    assert checks.items() <= AT_ONCE.items()
    assert places("verify") > 8


class Asgi:
    """The application, and requests whose bodies come as slowly as a test wants."""

    def __init__(self) -> None:
        self.app = make_app()

    async def post(self, path: str, pieces: Any, address: str = "192.0.2.1", length: bytes = b"") -> int:
        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "path": path,
            "raw_path": path.encode(), "query_string": b"", "root_path": "", "scheme": "http",
            "client": (address, 1), "server": ("127.0.0.1", 80),
            "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"multipart/form-data; boundary=x")],
        }  # fmt: skip
        scope["headers"] += [(b"content-length", length)] if length else []
        said: list[int] = []

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                said.append(message["status"])

        async def receive() -> Any:
            return await anext(pieces)

        await self.app(scope, receive, send)
        (status,) = said
        return status


async def trickle() -> Any:
    start = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    yield {"type": "http.request", "body": start, "more_body": True}
    while True:
        await asyncio.sleep(0.01)
        yield {"type": "http.request", "body": b"-", "more_body": True}


@pytest.mark.parametrize("path", ["/sign-in", "/verify"])
def test_a_body_that_comes_too_slowly_is_given_up(home: Any, monkeypatch: pytest.MonkeyPatch, path: str):
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.1)
    assert asyncio.run(Asgi().post(path, trickle())) == 408


def test_every_line_of_uploads_is_short_and_one_address_takes_no_more_than_its_part(
    home: Any, monkeypatch: pytest.MonkeyPatch
):
    """Refused before a byte is read; when the slow ones are gone there is room again."""
    monkeypatch.setattr(bodies, "GRACE_SECONDS", 0.6)

    async def crowd() -> None:
        asgi = Asgi()
        for line in ("verify", "analyze"):
            path = next(path for path, name in UPLOADS.items() if name == line)
            addresses = [f"192.0.2.{number // AT_ONCE_FROM_ONE}" for number in range(AT_ONCE[line])]
            slow = [asyncio.create_task(asgi.post(path, trickle(), address)) for address in addresses]
            await asyncio.sleep(0.2)
            assert await asgi.post(path, None, "192.0.2.0") == 429
            assert await asgi.post(path, None, "198.51.100.1") == 503
            assert await asyncio.gather(*slow) == [408] * AT_ONCE[line]
            assert await asgi.post(path, trickle(), "198.51.100.1") == 408

    asyncio.run(crowd())


def test_strangers_do_not_stand_in_the_line_of_accounts(client: TestClient, monkeypatch: pytest.MonkeyPatch):
    assert {path: line for path, line in UPLOADS.items() if line == "analyze"} == {
        "/api/v1/analyze_video": "analyze"
    }

    async def checked(*_: object) -> dict[str, object]:
        raise InputError("only the door is tried here", next_step="go on")

    monkeypatch.setattr("review_ui.api.measuring.run_child", checked)
    monkeypatch.setitem(AT_ONCE, "verify", 0)
    assert client.post("/api/v1/verify", files={"file": b"x"}).status_code == 503
    assert client.post("/api/v1/analyze_video", files={"file": b"x"}).status_code == 401


BAD_JSON = [
    b"[" * 3900, b'{"ranges":' * 390, b'{"ranges": [[0, 1e999]]}', b'{"ranges": [[NaN, Infinity]]}',
    b"\xff\xfe", b"null", b"{}",
    b'{"ranges": ' + b"9" * 3900 + b"}", b'{"ranges": [[0, ' + b"9" * 3900 + b"]]}", b'{"ranges": [["a", {}]]}',
    b'{"ranges": "\\ud800"}',
    b'{"ranges": ' + b"[[0, 1], " * 400, b'{"ranges": [' + b"[0, 1]," * 800 + b"[0, 1]]}",
    b'{"ranges": [[0, 1]], "ranges": 1}', b"x" * 8001,
]  # fmt: skip


def test_no_json_that_a_page_sends_meets_a_defect(
    client: TestClient,
    account: AccountRow,
    signed: Callable[[AccountRow], str],
    make_render: Callable[..., RenderRow],
):
    """Deep, huge, cut short, in no encoding: refused in words."""
    csrf = signed(account)
    place = f"/renders/{make_render().id}/views"
    view = client.post(place, headers={"x-csrf-token": csrf}).json()["view"]
    for content in BAD_JSON:
        answer = client.post(f"{place}/{view}/played", content=content, headers={"x-csrf-token": csrf})
        assert answer.status_code == 422, content[:40]


def test_what_is_served_as_a_video_is_never_taken_for_a_page(
    client: TestClient,
    account: AccountRow,
    signed: Callable[[AccountRow], str],
    make_render: Callable[..., RenderRow],
    tmp_path: Path,
):
    """An imported file is a stranger's: whatever its bytes are, the browser is told what it is and not to guess."""
    page = tmp_path / "a.mp4"
    page.write_bytes(b"<!doctype html><script>alert(1)</script>")
    signed(account)
    render = make_render(sealed_sha256=blobs().put_file(page, "sealed").sha256)
    answer = client.get(f"/renders/{render.id}/video")
    assert answer.status_code == 200 and answer.headers["content-type"] == "video/mp4"
    assert (
        answer.headers["x-content-type-options"] == "nosniff"
        and "no-store" in answer.headers["cache-control"]
    )
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    many = "bytes=" + ",".join(f"{n}-{n}" for n in range(3000))
    assert client.get(f"/renders/{render.id}/video", headers={"range": many}).status_code in (
        200,
        206,
        400,
        416,
    )
