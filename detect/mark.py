"""The invisible mark: readable in the finished bytes, and the one that step 6 put in (trust step 8).

The id is known, so the reader that the pipeline passes in needs one correlation. This gate only judges its reading.
"""

from __future__ import annotations

from core.media.models import Frame
from core.models import Finding, GateResult
from core.perception.models import Face
from detect.errors import Abstain
from detect.models import MarkReader, MarkReading, Subject


class MarkGate:
    """Gate ``mark``. Blocks a render whose mark cannot be read or names another render."""

    name = "mark"
    version = "1"

    def __init__(self, reader: MarkReader | None):
        self._reader = reader

    def see(self, frame: Frame, face: Face | None) -> None:
        if self._reader is not None:
            self._reader.see(frame, face)

    def result(self, subject: Subject) -> GateResult:
        """Score: the chance that an unmarked video reads like this, lower is surer; no threshold, findings decide.

        Raises:
            Abstain: there is no reader, though a mark is expected.
        """
        expected = subject.brief.mark_id if subject.brief is not None else None
        if self._reader is None:
            if expected is None:
                return self._answer(None, "no mark of ours is expected, none was looked for")
            raise Abstain("no mark reader was given, though this render should carry a mark")
        reading: MarkReading = self._reader.reading()
        if expected is None:
            if not reading.present:
                return self._answer(reading, "no mark of ours is expected, none was found")
            finding = Finding(
                code="mark_unexpected",
                severity="review",
                message="This video carries a mark of ours that its campaign does not know.",
                hint="Was a released video imported again?",
            )
            return self._answer(reading, "an unexpected mark", finding)
        if not reading.present:
            finding = Finding(
                code="mark_unreadable",
                severity="block",
                message="The invisible mark cannot be read in the finished video.",
                hint="Render again; if it stays unreadable, the picture is too short or too plain to carry it.",
            )
            return self._answer(reading, "not readable", finding)
        if reading.mark_id != expected:
            finding = Finding(
                code="mark_other_id",
                severity="block",
                message="The invisible mark names another render.",
                hint="This file is not the one that was rendered for this recipient.",
            )
            return self._answer(reading, "another id", finding)
        return self._answer(reading, "readable, and the right one")

    def _answer(self, reading: MarkReading | None, reason: str, *findings: Finding) -> GateResult:
        return GateResult(
            gate=self.name,
            version=self.version,
            score=float(reading.p_false) if reading is not None else None,
            unit="p_false",
            reason=reason,
            findings=findings,
        )
