"""A video is fetched from the public internet alone: no address inside, by no name, through nothing that leads on."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from review_ui import fetching
from review_ui.fetching import NotFetched, addresses_of, checked, fetch
from tests.kit.certificates import server_certificate


@pytest.mark.parametrize(
    "url",
    [
        "", "x", "http://a.example/v.mp4", "ftp://a.example/v", "file:///etc/passwd", "https://a.example:8443/v",
        "https://a.example:x/", "https://user:pass@a.example/v", "https://user@a.example/", "https://127.0.0.1/v",
        "https://[::1]/v", "https://localhost/v", "https://a.example/ v", "https://a.example/\r\nHost: b",
        "https://a.example/\u00e9", "https://a.example/" + "x" * 2000, "https:///v", "//a.example/v", "https://[::1/",
    ],
)  # fmt: skip
def test_what_is_no_https_address_of_a_name_is_refused_before_anybody_is_asked(
    url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("it was looked up"))
    with pytest.raises(NotFetched) as refused:
        checked(url)
    assert refused.value.http_status == 422 and refused.value.where == "video_url"


def told(*addresses: str) -> Callable[..., Any]:
    return lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 443)) for one in addresses]


@pytest.mark.parametrize("found", [["10.0.0.1"], ["93.184.216.34", "10.0.0.1"], ["::ffff:127.0.0.1"], []])
def test_a_name_with_any_address_inside_is_refused(
    found: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setattr(socket, "getaddrinfo", told(*found))
    monkeypatch.setattr(socket, "create_connection", lambda *_, **__: pytest.fail("it was connected to"))
    with pytest.raises(NotFetched, match="public internet"):
        fetch("https://a.example/v.mp4", tmp_path / "v.mp4", most_bytes=1000)


def test_the_address_that_was_looked_at_is_the_one_that_is_connected_to(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """A name that answers with an address outside first and one inside then (DNS rebinding) gains nothing."""
    answers = iter([["93.184.216.34"], ["127.0.0.1"]])
    connected = []

    def connect(place: tuple[str, int], *_: Any, **__: Any) -> Any:
        connected.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: told(*next(answers))())
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(NotFetched):
        fetch("https://a.example/v.mp4", tmp_path / "v.mp4", most_bytes=1000)
    assert connected == [("93.184.216.34", 443)]


def test_a_name_that_there_is_not(monkeypatch: pytest.MonkeyPatch):
    def unknown(*_: Any, **__: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(NotFetched, match="no such host"):
        addresses_of("a.example")


class Host(BaseHTTPRequestHandler):
    """What a host of strangers may do."""

    asked: list[str] = []

    def do_GET(self) -> None:
        Host.asked.append(self.path)
        getattr(self, self.path.strip("/").partition("?")[0])()

    def good(self) -> None:
        self._answer(200, b"x" * 900)

    def large(self) -> None:
        self._answer(200, b"x" * 2000)

    def endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        with open_end():
            while True:
                self.wfile.write(b"x" * 500)

    def cut(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "900")
        self.end_headers()
        self.wfile.write(b"x" * 10)

    def slow(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "900")
        self.end_headers()
        with open_end():
            for _ in range(200):
                self.wfile.write(b"x")
                time.sleep(0.05)

    def elsewhere(self) -> None:
        self._answer(302, b"", ("location", "https://127.0.0.1/good"))

    def missing(self) -> None:
        self._answer(404, b"x")

    def packed(self) -> None:
        self._answer(200, b"x", ("content-encoding", "gzip"))

    def _answer(self, status: int, body: bytes, *headers: tuple[str, str]) -> None:
        self.send_response(status)
        for name, value in (("content-length", str(len(body))), *headers):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def open_end() -> Any:
    from contextlib import suppress

    return suppress(OSError)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """A real host under TLS on this machine; what is fetched from it. Where it lies is not looked at here."""
    certificate = server_certificate(tmp_path / "tls", address="127.0.0.1")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.chain, certificate.key)
    server = HTTPServer(("127.0.0.1", 0), Host)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setattr(fetching, "PORT", server.server_port)
    monkeypatch.setattr(fetching, "addresses_of", lambda _host: ["127.0.0.1"])
    monkeypatch.setattr(fetching, "checked", urlsplit)
    monkeypatch.setattr(fetching, "_trust", lambda: ssl.create_default_context(cafile=certificate.authority))
    Host.asked.clear()

    def from_there(name: str, *, named: str = "127.0.0.1", **more: Any) -> Path:
        path = tmp_path / "fetched.mp4"
        fetch(f"https://{named}/{name}", path, **{"most_bytes": 1000} | more)
        return path

    yield from_there
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_video_comes_as_it_is(host: Callable[..., Path]):
    assert host("good?token=1").read_bytes() == b"x" * 900
    assert Host.asked == ["/good?token=1"]


@pytest.mark.parametrize(
    "name, words",
    [
        ("large", "larger than"), ("endless", "larger than"), ("cut", "cut off"), ("elsewhere", "leads on"),
        ("missing", "status 404"), ("packed", "encoding"),
    ],
)  # fmt: skip
def test_what_is_too_much_cut_off_or_leads_on_is_refused(host: Callable[..., Path], name: str, words: str):
    with pytest.raises(NotFetched, match=words):
        host(name)
    assert Host.asked == [f"/{name}"], "nothing else was asked"


def test_a_host_that_sends_a_byte_at_a_time_keeps_nobody(host: Callable[..., Path]):
    began = time.monotonic()
    with pytest.raises(NotFetched):
        host("slow", seconds=0.3)
    assert time.monotonic() - began < 3


def test_a_host_under_another_name_is_not_spoken_to(host: Callable[..., Path]):
    with pytest.raises(NotFetched):
        host("good", named="a.example")
    assert Host.asked == []
