"""Do the channels say the same? Two loudspeakers play what the sum of left and right hides (trust step 8)."""

from __future__ import annotations

from collections.abc import Sequence

from core.media.heard import EarName
from core.models import Finding, Span
from core.perception.ears import OtherSpeech
from detect.models import Subject

WHERE: dict[EarName, str] = {
    "left": "On the left channel",
    "right": "On the right channel",
    "side": "In the difference of left and right, which one loudspeaker alone does not play,",
    "mid": "In the sum of left and right",
    "centre": "On the centre channel",
}
HINT = "Listen to left, right and their difference here; render again from one voice track."


def disagreement(subject: Subject) -> Finding | None:
    """A finding where some ear says words that the main ear does not; it needs no script and no policy."""
    spoken = subject.other_speech()
    if not spoken:
        return None
    places = ", ".join(WHERE[name].rstrip(",") for name in dict.fromkeys(span.ear for span in spoken))
    return Finding(
        code="channels_disagree",
        severity="review",
        message=f"The channels do not say the same. Heard apart from the rest: {places[0].lower()}{places[1:]}.",
        spans=spans_of(spoken),
        score=float(sum(len(span.words) for span in spoken)),
        unit="words that the main sound does not have",
        hint=HINT,
    )


def spans_of(spoken: Sequence[OtherSpeech]) -> tuple[Span, ...]:
    """Where and what. Words stand in spans only: they may be personal."""
    return tuple(Span(source="transcript", t0=span.t0, t1=span.t1, text=span.text) for span in spoken)
