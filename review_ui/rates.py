"""How often something may be tried: a moving window for each address and each account, in this process's memory.

Memory is bounded whatever arrives: names are folded into a fixed number of buckets by a hash that is keyed afresh in
each process, so nobody can aim at the bucket of another. Each web process counts for itself; what must hold over all
of them is counted in the database (:mod:`review_ui.strikes`).
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import secrets
import time
from functools import lru_cache

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from core.errors import GreenroomError

_BUCKETS = 1 << 14
_KEY = secrets.token_bytes(16)

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


class TooManyTries(GreenroomError):
    """Asked too often; ``retry_after`` seconds later it is heard again."""

    code = "too_many_tries"
    http_status = 429

    def __init__(self, retry_after: float):
        self.retry_after = max(1, math.ceil(retry_after))
        super().__init__(
            "this was tried too often in a short time",
            next_step=f"wait {self.retry_after} seconds and try again",
        )


def try_once(address: str, account: str) -> None:
    """Count one try from this address at this account's name. Raises :class:`TooManyTries`, before any work."""
    for kind, name in _names(address, account):
        if not _limiter().test(WRONG[kind], name):
            raise _too_many(WRONG[kind], name)
        if not _limiter().hit(TRIES[kind], name):
            raise _too_many(TRIES[kind], name)


def went_wrong(address: str, account: str) -> None:
    """Count one wrong answer."""
    for kind, name in _names(address, account):
        _limiter().hit(WRONG[kind], name)


def retry_headers(error: GreenroomError) -> dict[str, str]:
    """``Retry-After`` where the error says how long to wait."""
    return {"retry-after": str(error.retry_after)} if isinstance(error, TooManyTries) else {}


def forget_all() -> None:
    """Start counting afresh, as a new process does."""
    _limiter.cache_clear()


@lru_cache(maxsize=1)
def _limiter() -> MovingWindowRateLimiter:
    return MovingWindowRateLimiter(MemoryStorage())


def _too_many(item: RateLimitItem, name: str) -> TooManyTries:
    return TooManyTries(_limiter().get_window_stats(item, name).reset_time - time.time())


def _names(address: str, account: str) -> list[tuple[str, str]]:
    named = (("address", _network(address)), ("account", account.strip().lower()))
    return [(kind, _bucket(kind, name)) for kind, name in named if name]


def _bucket(kind: str, name: str) -> str:
    digest = hashlib.blake2b(f"{kind}:{name}".encode(), key=_KEY, digest_size=8).digest()
    return f"{kind}-{int.from_bytes(digest) % _BUCKETS}"


def _network(address: str) -> str:
    """An IPv6 customer holds a /64: its addresses are one."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(ipaddress.ip_network((parsed, 64), strict=False)) if parsed.version == 6 else address
