"""One face, seen long enough: what every other look at the face stands on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.media.models import Frame
from core.models import Finding, GateResult, Span
from core.perception.models import Face
from detect.models import Subject
from detect.spans import runs

SEVERAL_LOOKS = 2  # a second face in a single look is a poster or a mistake of the detector
SEVERAL_SHARE = 0.1


class PresenceGate:
    """Gate ``one_face``. Score: share of frames without the tracked face, 0..1."""

    name = "one_face"
    version = "1"

    def see(self, frame: Frame, face: Face | None) -> None:
        """The track holds all that this gate needs."""

    def result(self, subject: Subject) -> GateResult:
        track = subject.track
        findings = []
        if not track.found.any():
            findings.append(
                Finding(
                    code="no_face",
                    severity="review",
                    message="No face is seen in this video; checks of the face could not run.",
                    spans=(Span(source="picture", t0=0.0, t1=float(subject.info.duration)),),
                )
            )
        looks = track.faces >= 0
        several = track.faces >= 2
        if several.sum() >= max(SEVERAL_LOOKS, SEVERAL_SHARE * looks.sum()):
            # The detector looks about once a second: a look speaks for the time until the next one.
            times, crowded = track.times[looks], several[looks]
            findings.append(
                Finding(
                    code="two_faces",
                    severity="review",
                    message=f"Up to {int(track.faces.max())} faces are seen; only the largest was examined.",
                    spans=tuple(
                        Span(source="picture", t0=t0, t1=t1)
                        for t0, t1 in runs(times, crowded, float(track.times[-1]))
                    ),
                    score=float(several.sum() / looks.sum()),
                    unit="share of looks",
                    hint="Show the presenter alone.",
                )
            )
        missing = 1.0 - track.coverage
        return GateResult(
            gate=self.name,
            version=self.version,
            score=missing,
            unit="share of frames without the face",
            reason=f"the face is tracked in {track.coverage:.0%} of the frames",
            findings=tuple(findings),
            measures={"most_faces": int(track.faces.max(initial=-1)), "frames": len(track.times)},
            curve=_presence_curve(track.times, track.found),
        )


def _presence_curve(times: NDArray[np.float64], found: NDArray[np.bool_]) -> tuple[tuple[float, float], ...]:
    """(second, share of its frames without the face)."""
    seconds = np.floor(times).astype(int)
    return tuple((float(s), float(1.0 - found[seconds == s].mean())) for s in np.unique(seconds))
