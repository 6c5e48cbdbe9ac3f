"""RECORDED RESULTS in place of every model: what the gates, the voice, the picture and the verifier's senses answer.

The stages themselves run (``pipeline.stages``); only what they call is replaced. One :class:`Recorded` holds what the
test wants to be answered; :func:`recorded_models` puts it in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

import core.perception.embed
import core.perception.watch
import detect.service
import generate.lipsync
import generate.service
import generate.voice
import provenance.fingerprint
import provenance.mark
import provenance.senses
from core.gates import GateSet, decide, overall
from core.heartbeat import beat
from core.media.essence import essence
from core.models import Brief, Finding, GateDecision, GateResult, Span, Verdict
from core.perception.models import Word
from generate.lipsync.models import Examination
from generate.models import Speech
from provenance.fingerprint import Fingerprint
from provenance.mark import MarkReading
from provenance.models import Agreement, Difference
from tests.kit import media
from tests.kit.standing_in import standing_in


@dataclass(frozen=True)
class Measures:
    """What the gates say about one render: a gate that is not named passes, a flagged one finds something."""

    flagged: tuple[str, ...] = ()
    blocked: tuple[str, ...] = ()
    spans: tuple[tuple[float, float], ...] = ((0.4, 0.8),)


@dataclass
class Recorded:
    """What every stand-in answers. A test changes it at any time.

    Attributes:
        plans: by render, what the gates will say.
        measures: by mark id, what the gates say; absent: all pass.
        next: what they say of the next video that is made.
        mark: what the mark's reader sees in a file; None: the id that :mod:`tests.kit.media` wrote into it.
        agreement: of two fingerprints; None: they agree where they are equal.
        broken: stages whose next call raises this exception, by the name of what they call ("voice", "picture",
            "examine", "examination" of a reference).
        meanwhile: called while a reference is examined.
    """

    plans: dict[str, Measures] = field(default_factory=dict)
    measures: dict[int, Measures] = field(default_factory=dict)
    next: Measures = field(default_factory=Measures)
    mark: int | None = None
    agreement: Agreement | None = None
    broken: dict[str, BaseException] = field(default_factory=dict)
    meanwhile: Callable[[], None] = lambda: None

    def fail(self, where: str) -> None:
        if where in self.broken:
            raise self.broken[where]


def recorded_models(recorded: Recorded) -> AbstractContextManager[None]:
    """Everything that would run a model answers from ``recorded``, for the length of the block."""
    studio = _Studio(recorded)
    return standing_in(
        (generate.voice.load_voice, lambda _name="": _Voice(recorded)),
        (generate.lipsync.load_lipsync, lambda _name="": _LipSync(recorded)),
        (generate.service.make_candidate, studio.make_candidate),
        (generate.service.relabel, studio.relabel),
        (provenance.mark.MarkEmbedder, _NamedMark),
        (detect.service.examine, studio.examine),
        (provenance.fingerprint.Fingerprinter, _Fingerprinter),
        (provenance.senses.RealSenses, lambda *_args, **_more: RecordedSenses(recorded)),
        (core.perception.embed.face_embedding, lambda _image, _points: np.ones(128, np.float32)),
        (core.perception.embed.voice_embedding, lambda _sound: np.ones(256, np.float32) / 16),
        # Onboarding alone follows faces here: the examination that would is replaced as a whole.
        (core.perception.watch.follow, _follow),
    )


class RecordedSenses:
    """The verifier's eyes and ears: the mark and the comparison are what the test says (:class:`Recorded`)."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def mark(self, path: Path, expected: int | None) -> MarkReading:
        seen = self._recorded.mark if self._recorded.mark is not None else media.mark_in(path)
        if expected is not None and seen != expected:
            seen = None
        return MarkReading(seen is not None, seen, 1e-9 if seen else 1.0, 0.5 if seen else 0.0)

    def fingerprint(self, path: Path) -> Fingerprint:
        return media.fingerprint_of(path)

    def unheard(self, path: Path) -> tuple[Difference, ...]:
        return ()

    def compare(self, stored: Fingerprint, found: Fingerprint) -> Agreement:
        if self._recorded.agreement is not None:
            return self._recorded.agreement
        if stored.to_bytes() == found.to_bytes():
            return Agreement(True, 1.0)
        return Agreement(False, 0.0, (Difference(0.0, media.SECONDS, "picture"),))


class _Voice:
    name = "recorded-voice 1"
    languages = ("en",)

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def speak(self, text: str, *, language: str = "en") -> Speech:
        self._recorded.fail("voice")
        spoken = text.split()
        pace = media.SECONDS / max(1, len(spoken))
        words = tuple(Word(word, n * pace, (n + 1) * pace, 1.0) for n, word in enumerate(spoken))
        return Speech(np.zeros(100, np.float32), 24_000, (), text, words, self.name)


class _LipSync:
    engine = "recorded-lipsync 1"

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded

    def prepare(self, _reference: Path, _cache: Path, progress: Any = None) -> Any:
        self._recorded.fail("examination")
        self._recorded.meanwhile()
        beat()
        return SimpleNamespace(
            engine=self.engine,
            width=media.SIDE,
            height=media.SIDE,
            fps=Fraction(media.FPS),
            examination=EXAMINATION,
        )


EXAMINATION = Examination(
    frames=media.FPS * media.SECONDS,
    fps=media.FPS,
    width=media.SIDE,
    height=media.SIDE,
    face_px=64.0,
    yaw_degrees=3.0,
    sound_offset_frames=0,
    sound_confidence=0.5,
    aperture_range=0.2,
    usable=1.0,
    transcript="",
    notes=("the face is small",),
)
"""What the recorded engine says of every reference."""


class _NamedMark:
    """A mark that is not put into the picture: the file says its id elsewhere (:mod:`tests.kit.media`)."""

    def __init__(self, mark_id: int, *_size: Any, **_more: Any) -> None:
        self.mark_id = mark_id


class _Fingerprinter:
    def __init__(self) -> None:
        self.path: Path | None = None

    def fingerprint(self, _sound: Any = None) -> Fingerprint:
        assert self.path is not None, "the recorded examination names the file"
        return media.fingerprint_of(self.path)


class _Studio:
    """Makes and examines videos."""

    def __init__(self, recorded: Recorded) -> None:
        self._recorded = recorded
        # An object's bound method is made anew each time it is asked for: each double must be one object.
        self.make_candidate, self.relabel, self.examine = self._candidate, self._relabel, self._examine

    def _candidate(self, *_args: Any, mark: _NamedMark, out: Path, **_more: Any) -> None:
        self._make(mark.mark_id, out)

    def _relabel(self, _source: Path, *, mark: _NamedMark, out: Path, **_more: Any) -> Path:
        self._make(mark.mark_id, out)
        return out

    def _make(self, mark_id: int, out: Path) -> None:
        self._recorded.fail("picture")
        self._recorded.measures.setdefault(mark_id, self._recorded.next)
        self._recorded.next = Measures()
        media.write_clip(out, mark_id)

    def _examine(
        self,
        path: Path,
        *,
        brief: Brief | None,
        gate_set: GateSet,
        watchers: tuple[Any, ...] = (),
        **_more: Any,
    ) -> Any:
        """Real decisions under the real gate set, over recorded measures."""
        self._recorded.fail("examine")
        for watcher in watchers:
            if isinstance(watcher, _Fingerprinter):
                watcher.path = path
        measures = self._recorded.measures.get(media.mark_in(path) or 0, Measures())
        decisions = [decision_of(gate, gate_set, measures) for gate in gate_set.gates]
        findings = [finding for decision in decisions for finding in decision.result.findings]
        return SimpleNamespace(
            essence=essence(path),
            decisions=decisions,
            verdict=overall(decisions, gate_set, with_brief=brief is not None),
            heard=None,
            transcript=None,
            decoded=None,
            gate_set_sha256=gate_set.sha256,
            findings=lambda: sorted(findings, key=lambda finding: finding.severity),
        )


def decision_of(gate: str, gate_set: GateSet, measures: Measures) -> GateDecision:
    """One gate's decision: its score is well on the good side; a flag or a block is a finding with seconds."""
    entry = gate_set.gates[gate]
    good = None
    if entry.threshold is not None:
        good = 0.0 if entry.threshold.direction == "high_is_bad" and entry.threshold.review > 0 else 1.0
    severity = "block" if gate in measures.blocked else "review" if gate in measures.flagged else None
    findings = ()
    if severity is not None:
        spans = tuple(Span(source="picture", t0=t0, t1=t1) for t0, t1 in measures.spans)
        message = f"A recorded finding of the gate {gate}."
        findings = (Finding(code=f"recorded_{gate}", severity=severity, message=message, spans=spans),)
    result = GateResult(
        gate=gate,
        version=entry.version,
        score=good,
        unit=entry.threshold.unit if entry.threshold else "",
        findings=findings,
        models=dict(entry.models),
    )
    decision = decide(result, gate_set)
    assert severity is not None or decision.verdict is Verdict.PASS, f"{gate} was meant to pass"
    return decision


def _follow(pictures: Iterator[Any], watchers: Any = (), *_more: Any) -> None:
    """A face in the first picture, which is all that onboarding's collector asks for."""
    face = SimpleNamespace(landmarks=np.zeros((478, 3), np.float32))
    for index, frame in enumerate(pictures):
        for watcher in watchers if index == 0 else ():
            watcher.see(frame, face)
