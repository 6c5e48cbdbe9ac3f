"""Points inside a process where it kills or stops itself, when a test has ordered that.

The product has no hooks for this: functions are wrapped from outside (:mod:`tests.trust.seams`, and a few here). An
order is a file in the home, ``KILL seal stage_done``; whichever process reaches the point first takes it and carries it
out, once: the signal is the kernel's own, and nothing of Python runs after it.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pipeline.intake
import pipeline.review
import pipeline.runner
import review_ui.api.measuring
import review_ui.pages.campaigns
import review_ui.pages.verify
from audit.ledger import sequence_pending
from pipeline import outbox
from pipeline.states import STAGES
from provenance.signer import FileSigner
from tests.trust import seams

ORDER, DONE = "order", "order.done"

WORKED = STAGES[1:]  # the script's is done where the video is asked for, in the web process
STAGE_POINTS = tuple(f"{stage.name} {seam}" for stage in WORKED for seam in seams.STAGE)
WORK_POINTS = tuple(f"{stage.name} works" for stage in WORKED)  # a render that is its worker's end dies here
RELEASE_POINTS = tuple(f"release {seam}" for seam in seams.RELEASE)
RELAY_POINTS = ("relay sends", "relay sent", "relay marks")
"""Before a message is sent, after it, and in the transaction that writes that down."""
SEQUENCER_POINTS = tuple(
    f"sequencer {step}" for step in ("positions", "bundle", "tile", "signed", "remembered", "checkpoint")
)
SIGNED_POINTS = ("seal signs", "release signs")
"""With the real signer: the library asks for the signature, with half of the signed file written."""
INTAKE_POINTS = ("intake asked", "intake inside", "intake done")
APPROVAL_POINTS = ("approval asked", "approval inside", "approval done")
"""Of what a person sends: before it is done, in its transaction with everything written, and before the answer."""


def order(home: Path, what: str, point: str) -> None:
    """KILL or STOP the first process that reaches the point from now on."""
    (home / DONE).unlink(missing_ok=True)
    part = home / f"{ORDER}.part"
    part.write_text(f"{what} {point}")
    part.replace(home / ORDER)


def carried_out(home: Path) -> int:
    """Pid of the process that obeyed; 0 while nobody did."""
    done = home / DONE
    return int(done.read_text()) if done.exists() else 0


def withdraw(home: Path) -> None:
    """Nobody need obey any more."""
    (home / ORDER).unlink(missing_ok=True)


def reached(home: Path, point: str) -> None:
    """The process is here; it may be its end."""
    try:
        what, _, wanted = (home / ORDER).read_text().partition(" ")
    except FileNotFoundError:
        return
    if wanted != point:
        return
    mine = home / f"{ORDER}.{os.getpid()}"
    try:
        (home / ORDER).rename(mine)
    except FileNotFoundError:
        return  # another process was first
    mine.write_text(str(os.getpid()))
    mine.replace(home / DONE)
    os.kill(os.getpid(), signal.SIGKILL if what == "KILL" else signal.SIGSTOP)


@contextmanager
def installed(home: Path) -> Iterator[None]:
    """In a process of its own: every point is there."""
    stage = ["release"]

    def run_stage(run: Callable[..., None], taken: Any, *more: Any) -> None:
        stage[0] = taken.stage.name
        try:
            run(taken, *more)
        finally:
            stage[0] = "release"

    def around(before: str, act: Callable[..., Any], after: str, *arguments: Any, **more: Any) -> Any:
        if before:
            reached(home, before)
        answer = act(*arguments, **more)
        reached(home, after)
        return answer

    with ExitStack() as stack:

        def put(module: Any, name: str, double: Any) -> None:
            stack.enter_context(patch.object(module, name, double))

        stack.enter_context(seams.installed())
        put(seams, "_tell", lambda seam: reached(home, f"{stage[0]} {seam}"))
        put(pipeline.runner, "run_stage", partial(run_stage, pipeline.runner.run_stage))
        working = {
            name: partial(around, "", work, f"{name} works")
            for name, work in pipeline.runner.STAGE_FUNCTIONS.items()
        }
        stack.enter_context(patch.dict(pipeline.runner.STAGE_FUNCTIONS, working))
        sign = FileSigner.sign
        put(FileSigner, "sign", lambda *signed: (reached(home, f"{stage[0]} signs"), sign(*signed))[1])
        for module in (review_ui.api.measuring, review_ui.pages.verify):
            put(module, "run_child", _before(home, "upload kept", module.run_child))
        for module, name, inner, what in (
            (pipeline.review, "approve", pipeline.review, "approval"),
            (review_ui.pages.campaigns, "request_render", pipeline.intake, "intake"),
        ):
            put(module, name, partial(around, f"{what} asked", getattr(module, name), f"{what} done"))
            put(inner, "move", partial(around, "", inner.move, f"{what} inside"))
        yield


def _before(home: Path, point: str, act: Callable[..., Any]) -> Callable[..., Any]:
    def acting(*arguments: Any, **more: Any) -> Any:
        reached(home, point)
        return act(*arguments, **more)

    return acting


def in_loops(home: Path) -> None:
    """Those of the relay and of the sequencer, imported here: a Celery application is made on the way."""
    import greenroom.relay as relay
    import greenroom.sequencer as sequencer

    send, mark = relay.send, outbox._mark

    def sending(topic: str, payload: dict[str, Any]) -> None:
        reached(home, "relay sends")
        send(topic, payload)
        reached(home, "relay sent")

    def marking(*arguments: Any, **values: Any) -> None:
        mark(*arguments, **values)
        reached(home, "relay marks")

    relay.send = sending  # type: ignore[assignment]
    outbox._mark = marking
    sequencer.sequence_pending = partial(  # type: ignore[assignment]
        sequence_pending, at=lambda step: reached(home, f"sequencer {step.partition(' ')[0]}")
    )
