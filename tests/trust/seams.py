"""Places inside a release and inside a stage where a test steps in: to crash there, or to let somebody else act.

The product has no hooks for this: functions of two modules are wrapped, each by its name. A renamed one raises here.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from unittest.mock import patch

import delivery.release
import pipeline.leases
import pipeline.runner
from core.errors import GreenroomError

RELEASE = ("claimed", "checked", "published", "opening", "inside", "committed")
"""Of a release, in their order: the lease is taken; every condition holds; the file is stored; before the transaction;
in it, all written; after its commit."""
STAGE = ("stage_begins", "stage_done", "stage_inside", "stage_committed")
"""Of a stage: it holds its lease; the work is done; in its transaction, all written; after its commit."""
IN_TRANSACTION = frozenset({"inside", "stage_inside"})  # nobody else can write there


class Killed(BaseException):
    """`kill -9`: the lease stays, and no cleanup of ours runs."""


class Away(GreenroomError):
    """Another service does not answer."""

    code = "away"
    retryable = True


CRASHES: dict[str, Callable[[], BaseException]] = {
    "kill": Killed,
    "error": lambda: RuntimeError("a made-up error"),
    "refusal": lambda: GreenroomError("a made-up failure", code="made_up"),
    "away": lambda: Away("a made-up service does not answer"),
}

_of_thread = threading.local()


def _tell(name: str) -> None:
    hook = getattr(_of_thread, "hook", None)
    if hook is not None:
        try:
            hook(name)
        except Killed:
            _of_thread.dead = True
            raise


@contextmanager
def told(hook: Callable[[str], None]) -> Iterator[None]:
    """``hook`` is told the name of each seam that this thread reaches in the block; what it raises happens there."""
    before = getattr(_of_thread, "hook", None)
    _of_thread.hook, _of_thread.dead = hook, False
    try:
        yield
    finally:
        _of_thread.hook, _of_thread.dead = before, False


@contextmanager
def crashing(seam: str, how: str) -> Iterator[None]:
    """The first time that this thread gets there it crashes; nobody above hears of it."""
    left, error = [seam], CRASHES[how]()

    def hook(name: str) -> None:
        if left == [name]:
            left.clear()
            raise error

    try:
        with told(hook):
            yield
    except BaseException as raised:
        if raised is not error:
            raise


@contextmanager
def installed() -> Iterator[None]:
    """The seams are there for the length of the block."""
    release, runner = delivery.release, pipeline.runner
    with ExitStack() as stack:

        def put(module: Any, name: str, double: Any) -> None:
            stack.enter_context(patch.object(module, name, double))

        put(release, "claim", _after(release.claim, "claimed", only_if=lambda taken: taken is not None))
        put(release, "_check", _after(release._check, "checked"))
        put(release, "_publish", _after(release._publish, "published"))
        put(release, "release_transaction", _transaction(release.release_transaction))
        put(runner, "look", _after(runner.look, "stage_begins"))
        put(runner, "_attempt", _after(runner._attempt, "stage_done"))
        put(runner, "move", _after(runner.move, "stage_inside"))
        put(runner, "_commit", _after(runner._commit, "stage_committed"))
        # What a killed process would not do.
        put(release, "_delete_unless_released", _by_the_living(release._delete_unless_released))
        put(release, "_give_back", _by_the_living(release._give_back))
        put(pipeline.leases.Claim, "postpone", _by_the_living(pipeline.leases.Claim.postpone))
        yield


def _after(function: Any, seam: str, only_if: Callable[[Any], bool] = lambda _result: True) -> Any:
    def wrapped(*arguments: Any, **more: Any) -> Any:
        result = function(*arguments, **more)
        if only_if(result):
            _tell(seam)
        return result

    return wrapped


def _transaction(manager: Any) -> Any:
    @contextmanager
    def wrapped(*arguments: Any, **more: Any) -> Iterator[Any]:
        _tell("opening")
        with manager(*arguments, **more) as session:
            yield session
            session.flush()
            _tell("inside")
        _tell("committed")

    return wrapped


def _by_the_living(function: Any) -> Any:
    def wrapped(*arguments: Any, **more: Any) -> Any:
        if not getattr(_of_thread, "dead", False):
            return function(*arguments, **more)
        return None

    return wrapped
