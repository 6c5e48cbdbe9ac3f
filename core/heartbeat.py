"""Long work says that it goes on: whoever holds a lease renews it then, and a hang is not mistaken for work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_heart: ContextVar[Callable[[], None] | None] = ContextVar("heart", default=None)


def beat() -> None:
    """Called from loops that may run for long. Costs next to nothing where nobody listens; may raise LeaseLost."""
    heart = _heart.get()
    if heart is not None:
        heart()


@contextmanager
def beating(callback: Callable[[], None]) -> Iterator[None]:
    """While the block runs, every :func:`beat` calls ``callback``, which decides how often it acts."""
    token = _heart.set(callback)
    try:
        yield
    finally:
        _heart.reset(token)
