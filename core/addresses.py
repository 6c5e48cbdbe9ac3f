"""The addresses of the database, the broker and the Redis of rates: what is understood, and TLS that verifies.

An address that says TLS (``rediss://``, ``amqps://``) is encrypted and its server verified, by name and against
``GREENROOM_TLS_CA``, or nothing is sent. The libraries would do less: one takes ``rediss://`` for plain text, another
encrypts to whoever answers. PostgreSQL's own words (``sslmode``, ``sslrootcert``) reach libpq, which keeps them.
No message holds an address: there may be a password in it.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from core.errors import InputError
from core.settings import Settings

_REDIS = ("redis", "rediss")
_AMQP = ("amqp", "amqps")
_DATABASES = ("sqlite", "sqlite+pysqlite", "postgres", "postgresql", "postgresql+psycopg")


def check_database(url: str) -> None:
    """Raises InputError for an address of another kind of database, or with an option that libpq does not know."""
    setting = "GREENROOM_DATABASE_URL"
    scheme, options = _parts(url, setting)
    if scheme not in _DATABASES:
        raise _not_understood(setting, "postgresql://greenroom_app@db.example/greenroom, or sqlite:///file")
    if scheme.startswith("postgres"):
        from psycopg import ProgrammingError  # not there where only SQLite is used
        from psycopg.conninfo import make_conninfo

        try:
            make_conninfo(**options)
        except ProgrammingError as error:
            raise InputError(
                "the address of the database has an option that libpq does not know",
                where=setting,
                next_step="see docs/settings.md: for TLS say sslmode=verify-full, and sslrootcert=FILE",
            ) from error
        if options.get("sslmode", "prefer") not in _SSL_MODES:
            raise InputError(
                "the address of the database has no sslmode that libpq knows",
                where=setting,
                next_step=f"use one of {', '.join(_SSL_MODES)}; past this machine verify-full",
            )


_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def broker_tls(settings: Settings) -> dict[str, Any] | None:
    """How the broker's connection is encrypted, as Celery's ``broker_use_ssl``; None for one that is not.

    Raises:
        InputError: an address of another kind, or one that says otherwise how it is to be verified.
    """
    setting = "GREENROOM_BROKER_URL"
    scheme, _ = _checked(settings.broker_url, setting, (*_REDIS, *_AMQP))
    authority = _authority(settings)
    if scheme == "rediss":
        return _of_redis(authority) | {"ssl_cert_reqs": ssl.CERT_REQUIRED}
    if scheme == "amqps":
        host = urlsplit(settings.broker_url).hostname
        return {"cert_reqs": ssl.CERT_REQUIRED, "ca_certs": authority, "server_hostname": host}
    return None


def rates_tls(settings: Settings) -> dict[str, Any]:
    """What redis-py is told besides the address of ``GREENROOM_RATES_URL``. Raises as :func:`broker_tls`."""
    scheme, _ = _checked(settings.rates_url, "GREENROOM_RATES_URL", _REDIS)
    return _of_redis(_authority(settings)) | {"ssl_cert_reqs": "required"} if scheme == "rediss" else {}


def _of_redis(authority: str | None) -> dict[str, Any]:
    return {"ssl_ca_certs": authority, "ssl_check_hostname": True}


def _authority(settings: Settings) -> str | None:
    """The file of certificates, None for the system's own."""
    if settings.tls_ca and not Path(settings.tls_ca).is_file():
        raise InputError("there is no such file of certificates", where="GREENROOM_TLS_CA")
    return settings.tls_ca or None


def _checked(url: str, setting: str, schemes: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    scheme, options = _parts(url, setting)
    if scheme not in schemes:
        raise _not_understood(
            setting, f"an address that begins with {', '.join(f'{one}://' for one in schemes)}"
        )
    if any(name.startswith("ssl") for name in options):
        raise InputError(
            "the address says how its server is verified, which is not for an address to say",
            where=setting,
            next_step=f"leave ssl options out; {schemes[-1]}:// verifies, against GREENROOM_TLS_CA",
        )
    return scheme, options


def _parts(url: str, setting: str) -> tuple[str, dict[str, str]]:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise _not_understood(setting, "an address with its parts in order") from error
    return parts.scheme, dict(parse_qsl(parts.query))


def _not_understood(setting: str, wanted: str) -> InputError:
    return InputError(
        "the address is of no kind that is understood here", where=setting, next_step=f"use {wanted}"
    )
