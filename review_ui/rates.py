"""How often something may be tried: a moving window for each address and each account.

It is counted in Redis where ``GREENROOM_RATES_URL`` names one, for all web processes together; else, and while Redis
does not answer, in this process's memory. Memory is bounded whatever arrives: names are folded into a fixed number of
buckets by a keyed hash, so nobody can aim at the bucket of another, and Redis learns no name. What must hold in any
case is counted in the database (:mod:`review_ui.strikes`).
"""

from __future__ import annotations

import hashlib
import ipaddress
import logging
import math
import secrets
import time
from functools import lru_cache
from typing import Any

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.errors import ConfigurationError, StorageError
from limits.storage import MemoryStorage, MovingWindowSupport, storage_from_string
from limits.strategies import MovingWindowRateLimiter

from core.addresses import rates_tls
from core.errors import GreenroomError, InputError
from core.secrets import derived_key
from core.settings import get_settings

log = logging.getLogger("greenroom.rates")

_BUCKETS = 1 << 14
_REDIS_SECONDS = 0.5  # longer is no answer
_REST_SECONDS = 30.0  # after one that failed, Redis is not asked for this long

# What an attentive person or a client program needs, several times over. A try costs us an argon2 hash.
TRIES: dict[str, RateLimitItem] = {
    "address": RateLimitItemPerMinute(120, namespace="tries"),
    "account": RateLimitItemPerMinute(60, namespace="tries"),
}
# Wrong answers are rarer in honest use.
WRONG: dict[str, RateLimitItem] = {
    "address": RateLimitItemPerMinute(30, namespace="wrong"),
    "account": RateLimitItemPerMinute(10, namespace="wrong"),
}

# Calls of the API with one key. A wrong key is looked up by its HMAC: it costs little, and cannot be guessed.
CALLS = RateLimitItemPerMinute(600, namespace="calls")
WRONG_KEYS = RateLimitItemPerMinute(60, namespace="wrong-keys")

# Reports of a video, from one address: a household's, an office's.
REPORTS = RateLimitItemPerHour(10, namespace="reports")


class TooManyTries(GreenroomError):
    """Asked too often; ``retry_after`` seconds later it is heard again."""

    code = "too_many_tries"
    http_status = 429

    def __init__(self, retry_after: float, what: str = "this was tried too often in a short time"):
        self.retry_after = max(1, math.ceil(retry_after))
        super().__init__(
            what,
            next_step=f"wait {self.retry_after} seconds and try again",
        )


def try_once(address: str, account: str) -> None:
    """Count one try from this address at this account's name. Raises :class:`TooManyTries`, before any work."""
    for kind, name in _names(address, account):
        for item, ask in ((WRONG[kind], "test"), (TRIES[kind], "hit")):
            if not _asked(ask, item, name):
                raise TooManyTries(_asked("get_window_stats", item, name).reset_time - time.time())


def went_wrong(address: str, account: str) -> None:
    """Count one wrong answer."""
    for kind, name in _names(address, account):
        _asked("hit", WRONG[kind], name)


def count_report(address: str) -> None:
    """Count one report from this address. Raises :class:`TooManyTries`."""
    _count(REPORTS, "address", network_of(address))


def count_call(key_id: str) -> None:
    """Count one call with this API key. Raises :class:`TooManyTries`."""
    _count(CALLS, "key", key_id)


def count_wrong_key(address: str) -> None:
    """Count one wrong API key from this address. Raises :class:`TooManyTries`; a right one is heard all the same."""
    _count(WRONG_KEYS, "address", network_of(address))


def _count(item: RateLimitItem, kind: str, named: str) -> None:
    name = _bucket(kind, named)
    if not _asked("hit", item, name):
        raise TooManyTries(_asked("get_window_stats", item, name).reset_time - time.time())


_AWAY_SECONDS = "5"


def retry_headers(error: GreenroomError) -> dict[str, str]:
    """``Retry-After`` (RFC 9110 10.2.3) where waiting helps: programs and the players of videos heed it."""
    if isinstance(error, TooManyTries):
        return {"retry-after": str(error.retry_after)}
    return {"retry-after": _AWAY_SECONDS} if error.http_status == 503 else {}


def forget_all() -> None:
    """Start counting afresh, as a new process does."""
    for made in (_limiter, _shared, _key):
        made.cache_clear()
    _resting.clear()


@lru_cache(maxsize=1)
def _limiter() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(MemoryStorage())


@lru_cache(maxsize=1)
def _shared() -> MovingWindowRateLimiter | None:
    url = get_settings().rates_url
    if not url:
        return None
    options = {"socket_timeout": _REDIS_SECONDS, "socket_connect_timeout": _REDIS_SECONDS}
    options |= rates_tls(get_settings())
    try:
        storage = storage_from_string(url, wrap_exceptions=True, key_prefix="greenroom-rates", **options)
    except ConfigurationError as error:
        raise _no_store() from error
    if not isinstance(storage, MovingWindowSupport):
        raise _no_store()
    return MovingWindowRateLimiter(storage)


def _no_store() -> InputError:
    return InputError(
        "rates cannot be counted there",
        where="GREENROOM_RATES_URL",
        next_step="name a Redis, such as redis://localhost:6379/1",
    )


_resting: dict[str, float] = {}  # "redis": until when it is not asked, by time.monotonic


def _asked(what: str, item: RateLimitItem, name: str) -> Any:
    """Redis's answer, or this process's own: who takes Redis down gains a limit for each process, and no more."""
    if _resting.get("redis", 0.0) <= time.monotonic() and (shared := _shared()) is not None:
        try:
            return getattr(shared, what)(item, name)
        except StorageError as error:
            _resting["redis"] = time.monotonic() + _REST_SECONDS
            log.error(
                "rates are counted by each process alone for now (%s)", type(error.storage_error).__name__
            )
    return getattr(_limiter(), what)(item, name)


@lru_cache(maxsize=1)
def _key() -> bytes:
    """Of the buckets: the installation's where processes count together, else this process's own."""
    return derived_key("rates")[:16] if get_settings().rates_url else secrets.token_bytes(16)


def _names(address: str, account: str) -> list[tuple[str, str]]:
    named = (("address", network_of(address)), ("account", account.strip().lower()))
    return [(kind, _bucket(kind, name)) for kind, name in named if name]


def _bucket(kind: str, name: str) -> str:
    digest = hashlib.blake2b(f"{kind}:{name}".encode(), key=_key(), digest_size=8).digest()
    return f"{kind}-{int.from_bytes(digest) % _BUCKETS}"


def network_of(address: str) -> str:
    """An IPv6 customer holds a /64: its addresses are one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address
