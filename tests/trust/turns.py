"""Actors that take turns: each is a thread, one runs at a time, and a dice says who goes on at each seam.

One seed is one interleaving, and the same one each time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from tests.trust import seams


@dataclass
class Actor:
    """Acts one after the other. ``crash``: (seam, how) where its next act goes wrong; `kill` is the end of it."""

    name: str
    acts: list[tuple[str, Callable[[], None]]]
    crash: tuple[str, str] | None = None
    ready: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    error: BaseException | None = None
    ended: bool = False


class Turns:
    """Runs actors to their end. ``trace`` is what happened, for whoever replays it."""

    def __init__(self, actors: list[Actor], dice: Random, between: Callable[[], None]) -> None:
        self.trace: list[str] = []
        self._actors, self._dice, self._between = actors, dice, between
        self._back = threading.Semaphore(0)

    def run(self) -> None:
        """Raises what an actor raised that no crash of ours explains, and whatever ``between`` raises."""
        threads = [threading.Thread(target=self._act, args=(actor,), daemon=True) for actor in self._actors]
        for thread in threads:
            thread.start()
        failure: BaseException | None = None
        while waiting := [actor for actor in self._actors if not actor.ended]:
            actor = self._dice.choice(waiting)
            actor.ready.release()
            self._back.acquire()
            try:
                self._between()
            except BaseException as error:
                failure = failure or error
            failure = failure or actor.error
        for thread in threads:
            thread.join()
        if failure is not None:
            raise failure

    def _act(self, actor: Actor) -> None:
        error: BaseException | None = None
        crash = actor.crash

        def at(seam: str) -> None:
            nonlocal error, crash
            self.trace.append(f"{actor.name} at {seam}")
            if crash is not None and seam == crash[0]:
                error, crash = seams.CRASHES[crash[1]](), None
                self.trace.append(f"{actor.name} crashes: {error!r}")
                raise error
            if seam not in seams.IN_TRANSACTION:
                self._wait(actor)

        actor.ready.acquire()
        try:
            with seams.told(at):
                for name, act in actor.acts:
                    self.trace.append(f"{actor.name} {name}")
                    try:
                        act()
                    except BaseException as raised:
                        if raised is not error:
                            raise
                        if isinstance(raised, seams.Killed):
                            break
                    self._wait(actor)
        except BaseException as raised:
            actor.error = raised
        finally:
            actor.ended = True
            self._back.release()

    def _wait(self, actor: Actor) -> None:
        self._back.release()
        actor.ready.acquire()
