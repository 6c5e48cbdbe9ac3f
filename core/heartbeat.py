"""A sign of life from long work: whoever started the work may renew a lease by it, or stop the work through it.

Loops call :func:`beat`, knowing nothing of leases; who waits for them installs a callback with :func:`beating`. A beat
says "one more piece is done" or "a bounded wait goes on", never "time has passed": a loop that hangs does not beat.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Stopped(BaseException):
    """The callback raised: the work is to end now.

    Not an Exception, as a cancelled coroutine's is not: between here and :func:`beating` stands code that turns any
    Exception into an answer (a gate that fails abstains), and a lost lease must not become an answer. Never seen
    outside of :func:`beating`, which raises the callback's own error instead.
    """

    def __init__(self, error: Exception) -> None:
        self.error = error
        super().__init__(type(error).__name__)


class _Pulse:
    def __init__(self, callback: Callable[[], None]) -> None:
        self._callback = callback
        self.error: Exception | None = None

    def beat(self) -> None:
        if self.error is None:
            try:
                self._callback()
            except Exception as error:
                self.error = error
        if self.error is not None:
            raise Stopped(self.error) from self.error


_PULSE: ContextVar[_Pulse | None] = ContextVar("pulse", default=None)


def beat() -> None:
    """Called by long loops, once a piece. Without :func:`beating` around it costs next to nothing."""
    pulse = _PULSE.get()
    if pulse is not None:
        pulse.beat()


@contextmanager
def quiet() -> Iterator[None]:
    """No beats while the block runs: a callback that writes would wait for the transaction that is open here."""
    token = _PULSE.set(None)
    try:
        yield
    finally:
        _PULSE.reset(token)


@contextmanager
def beating(callback: Callable[[], None]) -> Iterator[None]:
    """While the block runs, each :func:`beat` in this thread calls ``callback``; the innermost block's counts.

    Args:
        callback: cheap most of the time; it is called thousands of times a second and decides itself when to act.

    Raises:
        What the callback raised, once, when the block has ended by it; also where somebody swallowed it on the way.
    """
    pulse = _Pulse(callback)
    token = _PULSE.set(pulse)
    try:
        yield
    except Stopped as stopped:
        if stopped.error is not pulse.error:
            raise  # an outer block's
        raise stopped.error  # noqa: B904 - the callback's error is the cause, not a consequence
    finally:
        _PULSE.reset(token)
    if pulse.error is not None:
        raise pulse.error
