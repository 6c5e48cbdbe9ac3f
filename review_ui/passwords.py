"""Passwords as argon2id: slow on purpose, so never inside a transaction and never more than a few at a time."""

from __future__ import annotations

import secrets
import threading
from functools import lru_cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from core.errors import InputError
from core.settings import get_settings
from review_ui.rates import TooManyTries

SHORTEST, LONGEST = 12, 200

# One hash takes 64 MiB and four lanes: two at once keep the memory bounded and leave the machine to its work. A few
# more may wait; the rest are told to come back, or they would fill the web server's threads.
_HASHING = threading.BoundedSemaphore(2)
_ROOM = threading.BoundedSemaphore(10)


def check_password(password: str) -> None:
    """Raises InputError for one that is too short or too long. No mixture of signs is asked for: length counts."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InputError(f"a password has {SHORTEST} to {LONGEST} characters", next_step="choose another")


def hash_password(password: str) -> str:
    """The argon2id hash, salted. Raises TooManyTries when too many hash already."""
    with _Turn():
        return hasher().hash(password)


def fits(stored: str | None, password: str) -> bool:
    """Whether the password is the one behind the hash; without a hash it takes the same time and says no."""
    with _Turn():
        try:
            return hasher().verify(stored or _nobody(), password[:LONGEST])
        except (VerificationError, InvalidHashError):
            return False


@lru_cache(maxsize=1)
def hasher() -> PasswordHasher:
    # In tests a light hash keeps sign-ins fast; everywhere else argon2-cffi's defaults (RFC 9106) hold.
    if get_settings().environment == "test":
        return PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
    return PasswordHasher()


@lru_cache(maxsize=1)
def _nobody() -> str:
    """A hash that no password fits: an unknown name costs the same time as a wrong password."""
    return hasher().hash(secrets.token_hex(32))


class _Turn:
    """One hash's turn: in the room at once or not at all, then in order."""

    def __enter__(self) -> None:
        if not _ROOM.acquire(blocking=False):
            raise TooManyTries(2)
        _HASHING.acquire()

    def __exit__(self, *_: object) -> None:
        _HASHING.release()
        _ROOM.release()
