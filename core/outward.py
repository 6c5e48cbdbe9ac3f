"""Requests to addresses that somebody else named (a customer's webhook), made so that they reach nothing of ours.

The name is resolved once, every address that it has must be a public one, and the connection goes to that very
address: a name that means something else a moment later changes nothing. No redirect is followed, no proxy of the
environment is asked, TLS is verified against the name, and all of it together ends in time. Of the answer the status
and the headers are read, never the body.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import urlsplit

from core.errors import GreenroomError, InputError
from core.public_internet import IpAddress, is_public, parsed
from core.settings import get_settings

LONGEST_ADDRESS = 1_000
SECONDS = 10.0
"""For one request: the name, the connection, what is sent and what is answered."""
_CONNECT_SECONDS = 4.0
_LARGEST_HEAD = 32_768
_FIRST_FREE_PORT = 1024
_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9][0-9])(?: |\r|\Z)")
_RETRY_AFTER = re.compile(rb"(?im)^retry-after:[ \t]*([0-9]{1,6})[ \t]*\r?$")

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class AddressRefused(InputError):
    """Nothing is sent there: it is no address on the public internet, or not one that is understood."""

    code = "address_refused"


class NoAnswer(GreenroomError):
    """There was no answer, or none that can be read; ``code`` says what happened."""

    code = "no_answer"
    http_status = 502
    retryable = True


@dataclass(frozen=True)
class Answered:
    """What came back. ``retry_after``: seconds that the other side asks us to wait, where it says so."""

    status: int
    retry_after: float | None = None


@dataclass(frozen=True)
class Target:
    """An address in its parts. ``host`` is a name or an address of numbers; ``path`` has the query with it."""

    secure: bool
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"


def target_of(address: str) -> Target:
    """The parts of an address that something may be sent to, as far as it can be told without asking anybody.

    Raises:
        AddressRefused: not https (http only where GREENROOM_OUTWARD_NETWORKS names networks of the house), a user or a
            fragment in it, a port of another service, characters that no address has, or numbers that are no public
            address.
    """
    if len(address) > LONGEST_ADDRESS or not re.fullmatch(r"[!-~]+", address):
        raise _refused(f"an address is up to {LONGEST_ADDRESS:,} visible ASCII characters")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError as error:
        raise _refused("this is no address") from error
    host = (parts.hostname or "").rstrip(".")
    secure = parts.scheme == "https"
    if not secure and not (parts.scheme == "http" and _networks()):
        raise _refused("an address begins with https://")
    if not host or "@" in parts.netloc or parts.fragment or "\\" in address:
        raise _refused("an address has a host, and neither a user nor a #fragment")
    port = port or (443 if secure else 80)
    if port < _FIRST_FREE_PORT and port != (443 if secure else 80):
        raise _refused("this port belongs to another service")
    numbers = parsed(host)
    if numbers is None and not re.fullmatch(r"[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", host):
        raise _refused("this is no name of a host")
    if numbers is not None and not _may_reach(numbers):
        raise _refused("this is no address on the public internet")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Target(secure, host, port, path)


def post(address: str, body: bytes, headers: Mapping[str, str], *, seconds: float = SECONDS) -> Answered:
    """POST a body of JSON.

    Args:
        headers: of ours; names and values of visible ASCII.

    Raises:
        AddressRefused: see :func:`target_of`; or the name has an address that is not public.
        NoAnswer: the name is not known, nobody listens, the certificate is not theirs, or it took too long.
    """
    ends = time.monotonic() + seconds
    target = target_of(address)
    try:
        with _connected(target, ends) as connection:
            connection.settimeout(_left(ends))
            connection.sendall(_request(target, body, headers))
            return _answer(connection, ends)
    except ssl.SSLError as error:
        raise NoAnswer("the connection is not secure", where=target.host, code="tls_failed") from error
    except TimeoutError as error:
        raise NoAnswer("there was no answer in time", where=target.host, code="timed_out") from error
    except OSError as error:
        raise NoAnswer("nobody answers there", where=target.host, code="not_connected") from error


def _connected(target: Target, ends: float) -> socket.socket:
    last: OSError = OSError("no address")
    for pinned in _resolved(target):
        try:
            plain = socket.create_connection(
                (str(pinned), target.port), timeout=min(_CONNECT_SECONDS, _left(ends))
            )
        except TimeoutError:
            raise
        except OSError as error:
            last = error
            continue
        if not target.secure:
            return plain
        try:
            plain.settimeout(_left(ends))
            return _tls().wrap_socket(plain, server_hostname=target.host)
        except BaseException:
            plain.close()
            raise
    raise last


def _resolved(target: Target) -> list[IpAddress]:
    """The addresses of a host, all of them public ones, the first few."""
    try:
        found = socket.getaddrinfo(
            target.host, target.port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP
        )
    except (socket.gaierror, UnicodeError) as error:
        raise NoAnswer("there is no host of this name", where=target.host, code="unknown_host") from error
    addresses = list(dict.fromkeys(parsed(str(place[0])) for *_, place in found))
    known = [each for each in addresses if each is not None]
    if not known or len(known) != len(addresses) or not all(_may_reach(each) for each in known):
        raise _refused("this name leads to an address that is not on the public internet")
    if not target.secure and not all(_ours(each) for each in known):
        raise _refused("an address begins with https://")
    return known[:2]


def _may_reach(address: IpAddress) -> bool:
    """A public address, or one of a network that the house names."""
    return _ours(address) or is_public(address)


def _ours(address: IpAddress) -> bool:
    return any(address in network for network in _networks() if network.version == address.version)


def _networks() -> tuple[IpNetwork, ...]:
    return _parsed(get_settings().outward_networks)


@lru_cache(maxsize=8)
def _parsed(stated: str) -> tuple[IpNetwork, ...]:
    try:
        return tuple(ipaddress.ip_network(each.strip()) for each in stated.split(",") if each.strip())
    except ValueError as error:
        raise InputError(
            "the networks that requests may leave for are not understood",
            where="GREENROOM_OUTWARD_NETWORKS",
            next_step="write them as 10.20.0.0/16, separated by commas",
        ) from error


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    return ssl.create_default_context()


def _request(target: Target, body: bytes, headers: Mapping[str, str]) -> bytes:
    lines = {
        "Host": target.authority,
        "User-Agent": "Greenroom",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
        "Connection": "close",
        **headers,
    }
    for name, value in lines.items():
        if not re.fullmatch(r"[!-9;-~]+", name) or not re.fullmatch(r"[ -~]*", value):
            raise ValueError(f"the header {name!r} cannot be sent")
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {target.path} HTTP/1.1\r\n{head}\r\n".encode("ascii") + body


def _answer(connection: socket.socket, ends: float) -> Answered:
    """The first answer that is one (not 1xx), by its head."""
    head = b""
    while True:
        before, end, rest = head.partition(b"\r\n\r\n")
        if end:
            found = _STATUS.match(before)
            if found is None:
                raise NoAnswer("the answer is no HTTP", code="bad_answer")
            if int(found[1]) >= 200:
                wait = _RETRY_AFTER.search(before)
                return Answered(int(found[1]), float(wait[1]) if wait else None)
            head = rest
            continue
        if len(head) > _LARGEST_HEAD:
            raise NoAnswer("the answer is no HTTP", code="bad_answer")
        connection.settimeout(_left(ends))
        more = connection.recv(4096)
        if not more:
            raise NoAnswer("the connection ended before the answer", code="bad_answer")
        head += more


def _left(ends: float) -> float:
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _refused(what: str) -> AddressRefused:
    return AddressRefused(
        what, where="address", next_step="name an https:// address that the internet can reach"
    )
