"""Fetch a video from an address that somebody names, without becoming their hand inside our network.

The child of a check does it (:mod:`review_ui.child`), never the web process. https alone, to the usual port, by name.
The name is resolved once, every address that it has must be one of the public internet, and the connection goes to one
of these with the name's own certificate: a name that answers otherwise the next time gains nothing. Nothing leads
elsewhere: no redirect is followed, no proxy is asked. Size and time are bounded, and what comes is written as it is.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from contextlib import suppress
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from core.errors import InputError
from core.public_internet import is_public, parsed

PORT = 443
SECONDS = 120.0  # for all of it
_STILL_SECONDS = 15.0  # that nothing may come
_BLOCK = 1 << 16
LONGEST_URL = 2_000


class NotFetched(InputError):
    """The address cannot be used, or what it answers with."""

    code = "not_fetched"


def checked(url: str) -> SplitResult:
    """The address in its parts. Raises NotFetched for one that is not ``https://name/...``; nothing is asked yet."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused("this is no address") from error
    host = parts.hostname or ""
    if len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise _refused(f"an address has at most {LONGEST_URL:,} visible ASCII characters")
    if parts.scheme != "https" or port not in (None, PORT):
        raise _refused("a video is fetched over https alone, from the usual port")
    if "@" in parts.netloc:
        raise _refused("an address with a name and password in it is not fetched")
    if "." not in host or parsed(host) is not None:
        raise _refused("a video is fetched from a host that has a name")
    return parts


def fetch(url: str, path: Path, *, most_bytes: int, seconds: float = SECONDS) -> None:
    """Write what the address answers with to the path.

    Raises:
        NotFetched: the address, its host or its answer cannot be used.
    """
    parts = checked(url)
    ends = time.monotonic() + seconds
    host = parts.hostname or ""
    connection = _Pinned(host, addresses_of(host)[0], timeout=min(_STILL_SECONDS, seconds))
    watch = threading.Timer(seconds, connection.give_up)  # a host that sends a byte at a time keeps nobody
    watch.daemon = True
    watch.start()
    try:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("GET", target, headers={"accept-encoding": "identity", "accept": "video/*, */*"})
        answer = connection.getresponse()
        _check_answer(answer, most_bytes)
        with path.open("wb") as file:
            while block := answer.read1(_BLOCK):
                if file.tell() + len(block) > most_bytes:
                    raise _too_large(most_bytes)
                if time.monotonic() > ends:
                    raise _refused("the video did not arrive in time")
                file.write(block)
            if answer.length:  # it said that more would come
                raise _refused("the video was cut off on its way")
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise _refused("the video could not be fetched from there") from error
    finally:
        watch.cancel()
        connection.close()


def addresses_of(host: str) -> list[str]:
    """The addresses of a host. Raises NotFetched where it has none, or one that is not of the public internet."""
    try:
        found = socket.getaddrinfo(host, PORT, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except (OSError, UnicodeError) as error:
        raise _refused("there is no such host") from error
    addresses = [str(place[0]) for *_, place in found]
    known = [parsed(address) for address in addresses]
    if not known or not all(each is not None and is_public(each) for each in known):
        raise _refused("this host is not on the public internet")
    return addresses


class _Pinned(http.client.HTTPSConnection):
    """A connection to one address, for the host of one name."""

    def __init__(self, host: str, address: str, *, timeout: float) -> None:
        self._address, self._tls = address, _trust()
        super().__init__(host, PORT, timeout=timeout, context=self._tls)

    def connect(self) -> None:
        self.sock = socket.create_connection((self._address, PORT), self.timeout)
        self.sock = self._tls.wrap_socket(self.sock, server_hostname=self.host)

    def give_up(self) -> None:
        """End whatever it waits for."""
        with suppress(OSError):
            if self.sock is not None:
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


def _check_answer(answer: http.client.HTTPResponse, most_bytes: int) -> None:
    if 300 <= answer.status < 400:
        raise _refused("this address leads on to another one; give that one")
    if answer.status != 200:
        raise _refused(f"the host answered with the status {answer.status}")
    if answer.getheader("content-encoding", "identity") != "identity":
        raise _refused("the host answered in another encoding than was asked for")
    if answer.length is not None and answer.length > most_bytes:
        raise _too_large(most_bytes)


def _too_large(most_bytes: int) -> NotFetched:
    problem = NotFetched(
        f"this is larger than {most_bytes / 1e6:g} MB", where="video_url", next_step="send a smaller file",
        code="too_large",
    )  # fmt: skip
    problem.http_status = 413
    return problem


def _refused(what: str) -> NotFetched:
    return NotFetched(
        what,
        where="video_url",
        next_step="give the https address of a video that anybody can open, or send the file",
    )
