"""Examine a video: one decode, one track, every gate of the set (trust step 8).

Fails closed. A gate that is not installed blocks; one that breaks abstains with the reason, which counts as review,
and never ends the others; a required gate without a decision is a block in the verdict.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from pathlib import Path

from core.gates import GateEntry, GateSet, decide, overall
from core.heartbeat import beat
from core.media.models import Frame, Presentation, Samples
from core.media.reading import read
from core.models import Brief, Finding, GateDecision, GateResult
from core.perception.models import Face
from core.perception.watch import Watcher, follow
from core.settings import MediaSettings
from detect.errors import Abstain
from detect.models import Beginning, CheckText, Examination, Gate, Hearing, MarkReader, Subject
from detect.registry import UnknownGate, make_gate

log = logging.getLogger(__name__)

SEEN_SHARE = 0.7  # of the progress: the frames; the rest are the gates' answers


def examine(
    path: Path,
    *,
    brief: Brief | None,
    gate_set: GateSet,
    mark_reader: MarkReader | None = None,
    check_text: CheckText | None = None,
    watchers: Sequence[Watcher] = (),
    limits: MediaSettings | None = None,
    progress: Callable[[float], None] | None = None,
) -> Examination:
    """Every gate of the set over one video. Pure: the same bytes, brief and gate set give the same decisions.

    Args:
        brief: what the campaign knows of this render; None in ``analyze``: gates that need one are then absent.
        gate_set: which gates, in which versions, with which thresholds.
        mark_reader: a reader of the invisible mark. It sees the frames once, also where no gate asks for it.
        check_text: the rule packs over what is heard, for the transcript gate.
        watchers: others who see the same frames, such as a fingerprinter. What they raise is the caller's.
        progress: called with the share done, 0..1.

    Raises:
        MediaError: the file cannot be read or breaks a limit.
        ValueError: the gate set has no gate for this case: nothing checked is no pass.
    """
    guarded = [
        _Guarded(name, entry, mark_reader)
        for name, entry in gate_set.gates.items()
        if brief is not None or not entry.needs_brief
    ]
    seen: list[Watcher] = [*guarded, *watchers]
    if mark_reader is not None and not any(gate.name == "mark" for gate in guarded):
        seen.append(mark_reader)

    def hear(block: Samples) -> None:
        for gate in guarded:
            gate.hear(block)

    with read(path, limits, hear=hear) as reading:
        info = reading.presentation
        for gate in guarded:
            gate.begin(info, brief)
        length = max(float(info.duration), 1e-3)

        def seen_until(seconds: float) -> None:
            if progress is not None:
                progress(min(SEEN_SHARE, SEEN_SHARE * seconds / length))

        track = follow(reading.pictures(), seen, seen_until)
    ears = reading.heard.ears if reading.heard is not None else ()
    subject = Subject(path, info, track, ears, reading.decoded, brief, check_text, gate_set)
    decisions = []
    for done, gate in enumerate(guarded, 1):
        beat()
        decisions.append(gate.decide(subject, gate_set))
        if progress is not None:
            progress(SEEN_SHARE + (1 - SEEN_SHARE) * done / len(guarded))
    return Examination(
        info=info,
        essence=reading.essence,
        decisions=decisions,
        verdict=overall(decisions, gate_set, with_brief=brief is not None),
        track=track,
        transcript=subject.heard,
        gate_set_sha256=gate_set.sha256,
        heard=reading.heard,
        decoded=reading.decoded,
    )


class _Guarded:
    """A gate whose failure stays its own. To be stopped (``core.heartbeat``) is no failure, and no Exception."""

    def __init__(self, name: str, entry: GateEntry, mark_reader: MarkReader | None):
        self.name = name
        self._version = entry.version
        self._gate: Gate | None = None
        self._missing = ""
        self._failure = ""
        try:
            gate = make_gate(name, mark_reader)
            if (gate.name, gate.version) != (name, entry.version):
                self._missing = (
                    f"version {entry.version} is not installed (version {gate.version} of {gate.name} is)"
                )
            else:
                self._gate = gate
        except (UnknownGate, ImportError, AttributeError) as error:
            self._missing = "it is not installed"
            log.error("gate %s cannot be made: %s", name, type(error).__name__)
        except Exception as error:
            self._failed("prepare", error)

    def begin(self, info: Presentation, brief: Brief | None) -> None:
        if isinstance(self._gate, Beginning) and not self._failure:
            try:
                self._gate.begin(info, brief)
            except Exception as error:
                self._failed("begin", error)

    def see(self, frame: Frame, face: Face | None) -> None:
        if self._gate is not None and not self._failure:
            try:
                self._gate.see(frame, face)
            except Exception as error:
                self._failed("look at the frames", error)

    def hear(self, block: Samples) -> None:
        if isinstance(self._gate, Hearing) and not self._failure:
            try:
                self._gate.hear(block)
            except Exception as error:
                self._failed("hear the sound", error)

    def decide(self, subject: Subject, gate_set: GateSet) -> GateDecision:
        return decide(_on_tracks(self._result(subject), subject.info), gate_set)

    def _result(self, subject: Subject) -> GateResult:
        if self._missing:
            finding = Finding(
                code="gate_missing",
                severity="block",
                message=f"The gate '{self.name}' of the gate set could not run: {self._missing}.",
                hint="Install the version that the gate set names.",
            )
            return self._abstained(self._missing, finding)
        if self._gate is not None and not self._failure:
            try:
                result = self._gate.result(subject)
                if (result.gate, result.version) != (self.name, self._version):
                    raise RuntimeError("the gate answered under another name or version")
                if result.score is not None and not math.isfinite(result.score):
                    raise ArithmeticError("the score is not a number")
                return result
            except Abstain as reason:
                return self._abstained(str(reason))
            except Exception as error:
                self._failed("answer", error)
        return self._abstained(self._failure)

    def _failed(self, doing: str, error: Exception) -> None:
        # The text of a foreign exception may quote what a person said: only its kind and place are kept.
        place = error.__traceback__
        while place is not None and place.tb_next is not None:
            place = place.tb_next
        where = f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}" if place else "?"
        log.error("gate %s failed to %s: %s at %s", self.name, doing, type(error).__name__, where)
        self._failure = f"the check failed to {doing} ({type(error).__name__})"

    def _abstained(self, reason: str, *findings: Finding) -> GateResult:
        return GateResult(
            gate=self.name,
            version=self._version,
            score=None,
            unit="",
            abstained=True,
            reason=reason,
            findings=findings,
        )


def _on_tracks(result: GateResult, info: Presentation) -> GateResult:
    """The same result, each span with the number of the track that was looked at or heard."""
    audio = info.audio.number if info.audio is not None else None
    tracks = {"picture": info.video.number, "sound": audio, "transcript": audio}
    findings = tuple(
        finding.model_copy(
            update={
                "spans": tuple(
                    span
                    if span.track is not None or span.source not in tracks
                    else span.model_copy(update={"track": tracks[span.source]})
                    for span in finding.spans
                )
            }
        )
        for finding in result.findings
    )
    return result.model_copy(update={"findings": findings})
