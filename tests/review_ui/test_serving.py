"""A transfer that has begun ends when its file may not be served any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anyio
import pytest

from review_ui import serving
from review_ui.serving import GuardedFile

SIZE = 64 * 1024 * 30


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "SECONDS_BETWEEN", 0.02)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "video.mp4"
    path.write_bytes(bytes(range(256)) * (SIZE // 256))
    return path


def serve(
    response: GuardedFile, *, range_: str = "", pause: float = 0.0, **scope: Any
) -> tuple[dict[str, Any], bytes, bool]:
    """The start of the answer, the bytes that came, and whether the answer was complete."""
    messages: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        await anyio.sleep_forever()
        raise AssertionError

    async def send(message: Any) -> None:
        messages.append(message)
        await anyio.sleep(pause)  # a client that reads slowly

    headers = [(b"range", range_.encode())] if range_ else []
    asked = {"type": "http", "method": "GET", "headers": headers, **scope}
    anyio.run(lambda: response(asked, receive, send))
    body = b"".join(message.get("body", b"") for message in messages)
    return messages[0], body, not messages[-1].get("more_body", True)


def test_a_file_that_may_be_served_arrives_whole_and_is_kept_nowhere(file: Path):
    start, body, complete = serve(GuardedFile(file, may_serve=lambda: True))
    assert start["status"] == 200 and complete and body == file.read_bytes()
    assert (b"cache-control", b"no-store") in start["headers"]


def test_a_range_is_answered(file: Path):
    start, body, complete = serve(GuardedFile(file, may_serve=lambda: True), range_="bytes=100-299")
    assert start["status"] == 206 and complete and body == file.read_bytes()[100:300]
    assert (b"cache-control", b"no-store") in start["headers"]


@pytest.mark.parametrize("range_", ["", "bytes=0-"])
def test_a_transfer_ends_when_the_answer_becomes_no(file: Path, range_: str):
    answers = iter([True, True, False])
    response = GuardedFile(file, may_serve=lambda: next(answers))
    _, body, complete = serve(response, range_=range_, pause=0.01)
    assert not complete and 0 < len(body) < SIZE


def test_a_transfer_ends_when_it_cannot_be_asked(file: Path, caplog: pytest.LogCaptureFixture):
    def broken() -> bool:
        raise OSError("no database")

    _, body, complete = serve(GuardedFile(file, may_serve=broken), pause=0.01)
    assert not complete and len(body) < SIZE


def test_a_client_that_does_not_read_is_cut_off_too(file: Path):
    _, body, complete = serve(GuardedFile(file, may_serve=lambda: False), pause=30.0)
    assert not complete and body == b""


def test_the_server_never_sends_the_file_by_itself(file: Path):
    response = GuardedFile(file, may_serve=lambda: True)
    _, body, complete = serve(response, extensions={"http.response.pathsend": {}})
    assert complete and len(body) == SIZE


def test_it_is_asked_though_every_thread_of_other_pages_is_taken(file: Path):
    async def receive() -> Any:
        await anyio.sleep_forever()

    async def send(_: Any) -> None:
        pass

    async def crowded() -> None:
        limiter = anyio.to_thread.current_default_thread_limiter()
        for _ in range(int(limiter.total_tokens)):
            limiter.acquire_on_behalf_of_nowait(object())
        with anyio.fail_after(5):
            asked = {"type": "http", "method": "GET", "headers": []}
            await GuardedFile(file, may_serve=lambda: False)(asked, receive, send)

    anyio.run(crowded)
