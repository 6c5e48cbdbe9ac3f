"""The shapes of an examination: its subject, the gate protocol, the outcome (trust step 8)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from core.gates import GateSet, Threshold
from core.media.heard import Ear, Heard
from core.media.models import Decoded, Essence, Frame, Presentation, Samples
from core.models import Brief, Finding, GateDecision, GateResult, Verdict
from core.perception.models import Face, FaceTrack, Transcript
from detect.errors import Abstain

if TYPE_CHECKING:
    from core.perception.ears import OtherSpeech

CheckText = Callable[[str], Sequence[Finding]]
"""The policy over a heard text: findings whose spans are characters of that text."""


@dataclass
class Subject:
    """What is examined, complete: gates get it in ``result``, after they saw every frame.

    Attributes:
        path: the video.
        info: what the file shows and says, and when.
        track: the one face track.
        ears: what is heard, the main ear first; none where there is no sound.
        decoded: what came out of the file, and what did not.
        brief: what the campaign knows of this render; None in ``analyze``.
        check_text: the rule packs over a heard text, passed in by the caller; None without policy.
        gate_set: the thresholds, for gates that name the seconds beyond theirs.
    """

    path: Path
    info: Presentation
    track: FaceTrack
    ears: tuple[Ear, ...] = ()
    decoded: Decoded = field(default_factory=Decoded)
    brief: Brief | None = None
    check_text: CheckText | None = None
    gate_set: GateSet | None = None
    _heard: Transcript | None = field(default=None, repr=False)

    @property
    def main(self) -> Ear:
        """The ear that stands for all where only one can be heard. Raises :class:`Abstain` where there is no sound."""
        if not self.ears:
            raise Abstain("the video has no sound")
        return self.ears[0]

    @cached_property
    def _other_speech(self) -> tuple[OtherSpeech, ...]:
        from core.perception.ears import other_speech

        return other_speech(self.ears, self.brief.language if self.brief is not None else None)

    def other_speech(self) -> tuple[OtherSpeech, ...]:
        """What other ears say that the main one does not; found once an examination."""
        return self._other_speech

    def threshold(self, gate: str) -> Threshold | None:
        """The gate's threshold, None where the set has none for it."""
        entry = self.gate_set.gates.get(gate) if self.gate_set is not None else None
        return entry.threshold if entry is not None else None

    def transcript(self) -> Transcript:
        """What is heard, recognised once. Raises :class:`Abstain` where there is no sound."""
        if self._heard is None:
            from core.perception.speech import transcribe

            language = self.brief.language if self.brief is not None else None
            self._heard = transcribe(self.main, language=language)
        return self._heard

    @property
    def heard(self) -> Transcript | None:
        """The transcript where some gate already asked for it, else None."""
        return self._heard


class Gate(Protocol):
    """One check. One object an examination: it sees every frame, then answers.

    A gate that cannot measure raises :class:`detect.errors.Abstain` from ``result``. Whatever else it raises, from
    ``see`` too, becomes an abstain with the reason: fail closed, and never the end of the other gates.
    Contract: bounded memory (no list of images), no reference to a frame's image kept, the same answer for the same
    bytes.
    """

    name: str
    version: str

    def see(self, frame: Frame, face: Face | None) -> None:
        """Every presented frame once, in order; ``face`` is the tracked face, None where there is none."""

    def result(self, subject: Subject) -> GateResult:
        """The measure. Called once, after the last frame."""


@runtime_checkable
class Hearing(Protocol):
    """A gate that wants the sound at the file's own rate, as it comes."""

    def hear(self, block: Samples) -> None:
        """The next samples, float32 (n, 2 or 3): left, right and the centre of a surround layout (see
        :mod:`core.media.reading`). Sample n of all blocks is at n / ``info.audio.sample_rate`` from time zero."""


@runtime_checkable
class Beginning(Protocol):
    """A gate that wants to know what it will see. Called once, before the first frame."""

    def begin(self, info: Presentation, brief: Brief | None) -> None: ...


class MarkReading(Protocol):
    """What a mark reader read: see ``provenance.mark``, which detect may not import."""

    @property
    def present(self) -> bool: ...
    @property
    def mark_id(self) -> int | None: ...
    @property
    def p_false(self) -> float: ...


class MarkReader(Protocol):
    """Reads the invisible mark while the frames go by."""

    def see(self, frame: Frame, face: Face | None) -> None: ...
    def reading(self) -> Any: ...


@dataclass(frozen=True)
class Examination:
    """The outcome: one decision a gate, and the worst of them.

    Attributes:
        decisions: what the receipts sign, in the gate set's order.
        verdict: the worst decision that counts; a required gate that is missing is a block.
        gate_set_sha256: hash of the gate set that decided.
        transcript: what was heard, where a gate needed it.
        heard: the sound as the gates heard it, for whoever else needs it (the fingerprint); None without sound.
        decoded: what came out of the file, and what did not.
    """

    info: Presentation
    essence: Essence
    decisions: list[GateDecision]
    verdict: Verdict
    track: FaceTrack
    transcript: Transcript | None
    gate_set_sha256: str
    heard: Heard | None
    decoded: Decoded

    def findings(self) -> list[Finding]:
        """Every finding of every gate, gravest first."""
        order = {"block": 0, "review": 1, "note": 2}
        every = [finding for decision in self.decisions for finding in decision.result.findings]
        return sorted(every, key=lambda finding: order[finding.severity])
