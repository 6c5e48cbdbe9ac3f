"""An S3 server that misbehaves on demand: an HTTP proxy in front of a real one, which may be in another process.

It answers 500, waits, cuts a body short, adds to it, or changes a byte and keeps the ETag. ``lost``: it says that it
keeps a file, and does not. ``stale``: its lists stay what they were. It counts what it is asked.
"""

from __future__ import annotations

import http.client
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

Mode = Literal["", "500", "silent", "wrong", "cut", "longer", "403", "lost", "stale"]


class FaultyStore(ThreadingHTTPServer):
    """``mode`` says how it misbehaves from now on; ``only`` at which methods."""

    daemon_threads = True

    def __init__(self, target: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = target
        self.mode: Mode = ""
        self.only: tuple[str, ...] = ("GET", "HEAD", "PUT", "POST", "DELETE")
        self.silence = 30.0
        self.asked: Counter[str] = Counter()
        self.lists: dict[str, tuple[int, dict[str, str], bytes]] = {}

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, *_: Any) -> None:
        """A client that hung up."""


@contextmanager
def faulty_store(target: int) -> Iterator[FaultyStore]:
    """In front of the server at this port of the loopback."""
    server = FaultyStore(target)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FaultyStore

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.asked[self.command] += 1
        mode = self.server.mode if self.command in self.server.only else ""
        if mode in ("500", "403"):
            self._answer(int(mode), {}, b"")
            return
        if mode == "silent":
            time.sleep(self.server.silence)
            self.close_connection = True
            return
        if mode == "lost" and self.command in ("PUT", "POST"):
            self._answer(200, {"etag": '"made-up"'}, b"")
            return
        if mode == "stale" and "list-type" in self.path:
            self._answer(*self.server.lists.get(self.path) or self._ask(body))
            return
        status, headers, data = self._ask(body)
        if "list-type" in self.path:
            self.server.lists[self.path] = status, dict(headers), data
        if self.command == "GET" and status in (200, 206) and len(data) > 1 and "etag" in headers:
            self._spoilt(mode, status, headers, data)
        else:
            self._answer(status, headers, data)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _handle

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.target, timeout=60)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, data

    def _spoilt(self, mode: Mode, status: int, headers: dict[str, str], data: bytes) -> None:
        if mode == "wrong":
            data = bytes([data[0] ^ 1]) + data[1:]
        if mode == "longer":
            data += b"and more"
            headers["content-length"] = str(len(data))
        self._answer(status, headers, data, keep=len(data) // 2 if mode == "cut" else len(data))

    def _answer(self, status: int, headers: dict[str, str], data: bytes, keep: int | None = None) -> None:
        self.send_response(status)
        headers.setdefault("content-length", str(len(data)))
        for name, value in headers.items():
            if name not in ("connection", "transfer-encoding", "server", "date"):
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data[:keep])
        if keep is not None and keep < len(data):
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        """Nothing."""
