"""Small gates for the tests of the examination."""

from __future__ import annotations

from core.heartbeat import beat
from core.models import GateResult
from detect.errors import Abstain


class Counting:
    """Counts frames; remembers what it was told at the start."""

    name = "counting"
    version = "1"

    def __init__(self) -> None:
        self.frames = 0
        self.told = None

    def begin(self, info, brief) -> None:
        self.told = (info.video.width, brief)

    def see(self, frame, face) -> None:
        self.frames += 1

    def result(self, subject) -> GateResult:
        assert self.told is not None
        return GateResult(gate=self.name, version="1", score=float(self.frames), unit="frames")


class BreaksWhileSeeing(Counting):
    name = "breaks_while_seeing"

    def see(self, frame, face) -> None:
        raise RuntimeError("somebody's secret words")


class BreaksWhileAnswering(Counting):
    name = "breaks_while_answering"

    def result(self, subject) -> GateResult:
        raise ZeroDivisionError


class CannotBeMade:
    def __init__(self) -> None:
        raise OSError("no such device")


class Abstains(Counting):
    name = "abstains"

    def result(self, subject) -> GateResult:
        _ = subject.main
        raise Abstain("nothing to measure")


class SaysNothing(Counting):
    name = "says_nothing"

    def result(self, subject) -> GateResult:
        return GateResult(gate=self.name, version="1", score=float("nan"), unit="")


class Impostor(Counting):
    name = "impostor"

    def result(self, subject) -> GateResult:
        return GateResult(gate="counting", version="1", score=1.0, unit="frames")


class BeatsWhileAnswering(Counting):
    """Long work at the end, as a recogniser's is."""

    name = "beats_while_answering"

    def result(self, subject) -> GateResult:
        try:
            beat()
        except Exception as error:
            raise Abstain("somebody made an answer of it") from error
        return super().result(subject)


class BeatsWhileSeeing(Counting):
    name = "beats_while_seeing"

    def see(self, frame, face) -> None:
        super().see(frame, face)
        beat()
