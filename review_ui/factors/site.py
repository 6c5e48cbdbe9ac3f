"""Where the browser is: the origin that a passkey is bound to, and the relying party's id (the origin's host name)."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from fastapi import Request

from core.errors import InputError
from core.settings import get_settings


def origin_of(request: Request) -> str:
    """The origin for passkeys: the setting, or in demo and test the request's own host.

    Raises InputError where passkeys cannot work, with what to do.
    """
    settings = get_settings()
    if settings.web.origin:
        return checked(settings.web.origin)
    if settings.environment == "production":
        # A Host header is the client's word: a look-alike site could have passkeys enrolled for itself.
        raise InputError(
            "passkeys need to know this installation's address",
            where="GREENROOM_WEB_ORIGIN",
            next_step="set GREENROOM_WEB_ORIGIN, for example https://greenroom.brand.example",
        )
    return checked(f"{request.url.scheme}://{request.headers.get('host', '')}")


def counts_here(origin: str) -> bool:
    """Whether a passkey that was made at this origin counts in this installation as it is set up now."""
    settings = get_settings()
    if settings.web.origin:
        return origin == checked(settings.web.origin)
    return settings.environment != "production"


def checked(origin: str) -> str:
    """The origin, normalised. Raises InputError for one at which browsers offer no passkeys."""
    try:
        parts = urlsplit(origin)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise _unusable() from error
    local = host == "localhost" or host.endswith(".localhost")
    secure = parts.scheme == "https" or (parts.scheme == "http" and local)
    if not secure or not host or _is_address(host) or parts.path.strip("/") or parts.query or parts.username:
        raise _unusable()
    default = {"https": 443, "http": 80}[parts.scheme]
    return f"{parts.scheme}://{host}" + (f":{port}" if port and port != default else "")


def rp_id(origin: str) -> str:
    """The relying party's id of an origin: its host name."""
    return urlsplit(origin).hostname or ""


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _unusable() -> InputError:
    return InputError(
        "passkeys work under a name with https, or at localhost",
        where="the address in the browser",
        next_step="open the console at http://localhost with its port, or under its https name",
        code="no_passkeys_here",
    )
