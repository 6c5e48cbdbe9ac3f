"""Raw bytes against the real web server: requests that two readers would cut differently, and what no library sends."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The server as `greenroom up` starts it, on a free port."""
    from greenroom.supervisor import Supervisor

    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        number = probe.getsockname()[1]
    home = str(tmp_path_factory.mktemp("wire") / "home")
    environment = os.environ | {"GREENROOM_HOME": home, "GREENROOM_WEB_PORT": str(number)}
    environment["PYTHONPATH"] = str(ROOT)
    command = Supervisor().commands()["web"]
    assert command[0] == sys.executable
    with subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.DEVNULL) as server:
        try:
            for _ in range(1200):
                with suppress(OSError), socket.create_connection(("127.0.0.1", number), 1):
                    break
                assert server.poll() is None, "the web process ended"
                time.sleep(0.1)
            yield number
        finally:
            server.terminate()
            server.wait(20)


def answers(port: int, sent: bytes, *, seconds: float = 5.0) -> bytes:
    """Everything that comes back on one connection until the server closes it or is silent."""
    with socket.create_connection(("127.0.0.1", port), 5) as connection:
        connection.sendall(sent)
        connection.settimeout(seconds)
        got = b""
        with suppress(TimeoutError, ConnectionError):
            while block := connection.recv(65536):
                got += block
                connection.settimeout(0.5)
        return got


def statuses(got: bytes) -> list[int]:
    return [int(part[:3]) for part in got.split(b"HTTP/1.1 ")[1:]]


INNER = b"GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"

POST, GET = (f"{method} /verify HTTP/1.1\r\nHost: x\r\n".encode() for method in ("POST", "GET"))
CODING = b"Transfer-Encoding: "

TWO_WAYS = {
    "both a length and chunks": POST + b"Content-Length: 5\r\n" + CODING + b"chunked\r\n\r\n0\r\n\r\n" + INNER,
    "two lengths": POST + b"Content-Length: 0\r\nContent-Length: 37\r\n\r\n" + INNER,
    "a length with a sign": POST + b"Content-Length: +0\r\n\r\n" + INNER,
    "a length that is no number": POST + b"Content-Length: 0x0\r\n\r\n" + INNER,
    "an unknown coding": POST + CODING + b"xchunked\r\n\r\n0\r\n\r\n" + INNER,
    "a coding behind another": POST + CODING + b"chunked, identity\r\n\r\n0\r\n\r\n" + INNER,
    "a blank before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" + INNER,
    "a folded header": POST + b"Transfer-Encoding:\r\n chunked\r\nContent-Length: 0\r\n\r\n" + INNER,
    "a chunk size with a sign": POST + CODING + b"chunked\r\n\r\n-1\r\n\r\n" + INNER,
    "a chunk size past all bounds": POST + CODING + b"chunked\r\n\r\n" + b"f" * 40 + b"\r\n\r\n" + INNER,
    "a bare line feed in a name": GET + b"X-A\n: y\r\n\r\n" + INNER,
    "a NUL in a value": GET + b"X-A: a\x00b\r\n\r\n" + INNER,
    "two hosts": GET + b"Host: y\r\n\r\n" + INNER,
    "no host": b"GET /verify HTTP/1.1\r\n\r\n" + INNER,
    "no HTTP at all": b"\x16\x03\x01\x02\x00\x01\x00" + INNER,
}  # fmt: skip


@pytest.mark.parametrize("name", TWO_WAYS)
def test_what_two_readers_would_cut_differently_is_refused_and_the_connection_ends(port: int, name: str):
    """What follows on the connection is never answered as a request of its own."""
    got = answers(port, TWO_WAYS[name])
    assert b"smuggled" not in got
    assert statuses(got) in ([400], [501], [505]) or got == b"", (name, got[:200])


def test_a_request_that_is_whole_is_answered_and_so_is_the_next(port: int):
    got = answers(port, b"GET /recover HTTP/1.1\r\nHost: x\r\n\r\n" * 2)
    assert statuses(got) == [200, 200]


def test_after_a_body_that_was_given_up_nothing_on_the_connection_is_a_request(port: int):
    """The rest of what was sent is body, whatever it looks like."""
    head = b"POST /recover HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    body = b"a=" + b"x" * 210_000
    got = answers(port, head + b"Content-Length: 900000\r\n\r\n" + body + INNER * 10)
    assert statuses(got) in ([400], [413], []) and b"smuggled" not in got


def test_headers_are_bounded(port: int):
    got = answers(port, b"GET /verify HTTP/1.1\r\nHost: x\r\nX-A: " + b"a" * 200_000 + b"\r\n\r\n")
    assert statuses(got) in ([400], [431], [])


def test_the_server_does_not_say_what_it_is(port: int):
    got = answers(port, b"GET /verify HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").lower()
    assert b"\r\nserver:" not in got and b"uvicorn" not in got and b"x-powered-by" not in got


def test_a_web_socket_is_not_opened(port: int):
    got = answers(
        port,
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    )
    assert b"101 Switching" not in got
