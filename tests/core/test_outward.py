"""Requests to addresses that somebody else named reach nothing of ours, follow nobody elsewhere, and end in time."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from core import outward
from core.outward import AddressRefused, Answered, NoAnswer, post, target_of
from core.settings import get_settings
from tests.kit.certificates import server_certificate

Serve = Callable[..., int]


@pytest.fixture
def loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """The house says that its own machine may be reached."""
    monkeypatch.setenv("GREENROOM_OUTWARD_NETWORKS", "127.0.0.0/8, ::1/128")
    get_settings.cache_clear()


@pytest.fixture(autouse=True)
def _afterwards() -> Iterator[None]:
    yield
    get_settings.cache_clear()
    outward._tls.cache_clear()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """``serve(b"HTTP/1.1 ...")``: a server that answers each connection so; its port. What it heard is in ``heard``."""
    opened: list[socket.socket] = []

    def start(*pieces: bytes, pause: float = 0.0, tls: ssl.SSLContext | None = None) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        opened.append(listener)

        def work() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                try:
                    with connection if tls is None else tls.wrap_socket(connection, server_side=True) as talk:
                        heard.append(talk.recv(65_536))
                        for piece in pieces:
                            talk.sendall(piece)
                            time.sleep(pause)
                except OSError:
                    continue

        threading.Thread(target=work, daemon=True).start()
        return int(listener.getsockname()[1])

    heard.clear()
    yield start
    for listener in opened:
        listener.close()


heard: list[bytes] = []
OK = b"HTTP/1.1 204 No Content\r\n\r\n"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "http://hook.example/",
        "ftp://hook.example/",
        "https:///path",
        "https://user@hook.example/",
        "https://user:word@hook.example/",
        "https://hook.example/#part",
        "https://hook.example:22/",
        "https://hook.example:0/",
        "https://hook.example:99999/",
        "https://hook.example/ x",
        "https://hook.example/\r\nHost: x",
        "https://h\u00f6ok.example/",
        "https://hook_.example/",
        "https://hook.example\\@127.0.0.1/",
        "https://" + "a" * 1_000,
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://10.0.0.1/",
        "https://192.168.1.1/",
        "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://255.255.255.255/",
        "https://224.0.0.1/",
        "https://[::1]/",
        "https://[::]/",
        "https://[fe80::1]/",
        "https://[fc00::1]/",
        "https://[fec0::1]/",
        "https://[ff02::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[64:ff9b:1::1]/",
        "https://[2002:7f00:1::]/",
    ],
)
def test_what_is_no_public_address_is_refused(address: str, monkeypatch: pytest.MonkeyPatch):
    """Numbers that a resolver reads as an address (127.1, 2130706433) are refused once they are resolved."""

    def connects(*_: object, **__: object) -> Any:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", connects)
    with pytest.raises((AddressRefused, NoAnswer)):
        post(address, b"{}", {})


@pytest.mark.parametrize(
    ("address", "authority", "path"),
    [
        ("https://hook.example", "hook.example", "/"),
        ("https://hook.example:8443/a/b?c=d", "hook.example:8443", "/a/b?c=d"),
        ("https://1.1.1.1/x", "1.1.1.1", "/x"),
        ("https://[2606:4700:4700::1111]/x", "[2606:4700:4700::1111]", "/x"),
    ],
)
def test_what_the_internet_can_reach_is_taken_apart(address: str, authority: str, path: str):
    target = target_of(address)
    assert (target.authority, target.path, target.secure) == (authority, path, True)


def resolving(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Each question to the resolver gets the next answer. The names that were asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: Any) -> Any:
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (each, port)) for each in found]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return asked


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["169.254.169.254"], ["::1"]])
def test_a_name_that_leads_inside_is_refused_whatever_else_it_leads_to(
    monkeypatch: pytest.MonkeyPatch, addresses: list[str]
):
    resolving(monkeypatch, addresses)
    with pytest.raises(AddressRefused):
        post("https://hook.example/", b"{}", {})


def test_the_connection_goes_to_the_address_that_was_looked_at(monkeypatch: pytest.MonkeyPatch):
    """A name that means something else a moment later is asked for once."""
    asked = resolving(monkeypatch, ["1.1.1.1"], ["127.0.0.1"])
    reached: list[Any] = []

    def create_connection(place: tuple[str, int], **_: Any) -> Any:
        reached.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", create_connection)
    with pytest.raises(NoAnswer) as refused:
        post("https://hook.example:8443/", b"{}", {})
    assert (asked, reached) == (["hook.example"], [("1.1.1.1", 8443)])
    assert refused.value.code == "not_connected" and refused.value.where == "hook.example"


def test_what_is_sent_is_one_request_and_the_answer_its_status(loopback: None, serve: Serve):
    port = serve(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 204 No Content\r\nX: y\r\n\r\n")
    answer = post(f"http://127.0.0.1:{port}/a?b=c", b'{"a":1}', {"webhook-id": "msg_1"})
    assert answer == Answered(204)
    head, _, body = heard[0].partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"POST /a?b=c HTTP/1.1" and body == b'{"a":1}'
    assert f"Host: 127.0.0.1:{port}".encode() in lines and b"webhook-id: msg_1" in lines
    assert b"Content-Length: 7" in lines and b"Connection: close" in lines


def test_nobody_is_followed_elsewhere(loopback: None, serve: Serve):
    elsewhere = serve(OK)
    heard_before = len(heard)
    port = serve(f"HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:{elsewhere}/\r\n\r\n".encode())
    assert post(f"http://127.0.0.1:{port}/", b"{}", {}).status == 307
    assert len(heard) == heard_before + 1


def test_how_long_the_other_side_asks_us_to_wait_is_read(loopback: None, serve: Serve):
    port = serve(b"HTTP/1.1 429 Slow down\r\nRetry-After: 120\r\n\r\n")
    assert post(f"http://127.0.0.1:{port}/", b"{}", {}) == Answered(429, 120.0)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"hello\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 40_000,
    ],
)
def test_what_is_no_answer_is_none(loopback: None, serve: Serve, answer: bytes):
    port = serve(answer)
    with pytest.raises(NoAnswer) as refused:
        post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert refused.value.code == "bad_answer"


def test_a_body_without_an_end_is_not_read(loopback: None, serve: Serve):
    port = serve(b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 1_000] * 1_000, pause=0.01)
    began = time.monotonic()
    assert post(f"http://127.0.0.1:{port}/", b"{}", {}).status == 200
    assert time.monotonic() - began < 2


def test_an_answer_that_drips_ends_in_time(loopback: None, serve: Serve):
    port = serve(*[b"H"] * 1_000, pause=0.02)
    began = time.monotonic()
    with pytest.raises(NoAnswer) as refused:
        post(f"http://127.0.0.1:{port}/", b"{}", {}, seconds=0.3)
    assert refused.value.code == "timed_out" and time.monotonic() - began < 2


def test_the_certificate_has_to_be_theirs(
    loopback: None, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    made = server_certificate(tmp_path / "server")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.chain, made.key)
    port = serve(OK, tls=context)
    with pytest.raises(NoAnswer) as refused:
        post(f"https://127.0.0.1:{port}/", b"{}", {})
    assert refused.value.code == "tls_failed" and heard == []
    monkeypatch.setenv("SSL_CERT_FILE", str(made.authority))
    outward._tls.cache_clear()
    assert post(f"https://127.0.0.1:{port}/", b"{}", {}).status == 204
    with pytest.raises(NoAnswer) as refused:  # the right authority, another name
        post(f"https://localhost:{port}/", b"{}", {})
    assert refused.value.code == "tls_failed"


def test_no_proxy_of_the_environment_is_asked(loopback: None, serve: Serve, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert post(f"http://127.0.0.1:{serve(OK)}/", b"{}", {}).status == 204


@pytest.mark.parametrize("headers", [{"a": "b\r\nc: d"}, {"a\r\n": "b"}, {"a:": "b"}])
def test_a_header_holds_no_other_header(loopback: None, serve: Serve, headers: dict[str, str]):
    with pytest.raises(ValueError, match="header"):
        post(f"http://127.0.0.1:{serve(OK)}/", b"{}", headers)


def test_plain_http_goes_to_the_networks_of_the_house_alone(loopback: None, monkeypatch: pytest.MonkeyPatch):
    resolving(monkeypatch, ["1.1.1.1"])
    with pytest.raises(AddressRefused):
        post("http://hook.example/", b"{}", {})
