"""One face, seen long enough: what every other look at the face stands on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from core.media.models import Frame
from core.models import Finding, GateResult, Span
from core.perception.models import Face
from core.perception.watch import LOOK_SECONDS
from detect.errors import too_short
from detect.models import Subject
from detect.spans import runs

Seconds = NDArray[np.float64]

SEVERAL_LOOKS = 2  # a second face in a single look is a poster or a mistake of the detector
SEVERAL_SHARE = 0.1


class PresenceGate:
    """Gate ``one_face``. Score: share of the picture's time without the tracked face, 0..1."""

    name = "one_face"
    version = "2"

    def see(self, frame: Frame, face: Face | None) -> None:
        """The track holds all that this gate needs."""

    def result(self, subject: Subject) -> GateResult:
        """Raises Abstain where the clip ends before the detector has looked twice."""
        track, video = subject.track, subject.info.video
        if float(video.duration) < LOOK_SECONDS:
            raise too_short(float(video.duration), f"counting faces needs {LOOK_SECONDS:g} s")
        findings = []
        if not track.found.any():
            findings.append(
                Finding(
                    code="no_face",
                    severity="review",
                    message="No face is seen in this video; checks of the face could not run.",
                    spans=(Span(source="picture", t0=float(video.start), t1=float(video.end)),),
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
                        for t0, t1 in runs(times, crowded, float(video.end))
                    ),
                    score=float(several.sum() / looks.sum()),
                    unit="share of looks",
                    hint="Show the presenter alone.",
                )
            )
        shown = _shown(track.times, float(video.end))
        missing = float(shown[~track.found].sum() / shown.sum()) if shown.any() else 1.0
        return GateResult(
            gate=self.name,
            version=self.version,
            score=missing,
            unit="share of the picture's time without the face",
            reason=f"the face is tracked for {1 - missing:.0%} of the time",
            findings=tuple(findings),
            measures={"most_faces": int(track.faces.max(initial=-1)), "frames": len(track.times)},
            curve=_presence_curve(track.times, shown, track.found),
        )


def _shown(times: Seconds, end: float) -> Seconds:
    """(n,) for how long each picture is shown: on an uneven clock a picture counts for its time."""
    return np.maximum(np.diff(times, append=max(end, times[-1])), 0) if len(times) else times


def _presence_curve(
    times: Seconds, shown: Seconds, found: NDArray[np.bool_]
) -> tuple[tuple[float, float], ...]:
    """(second, share of its pictures' time without the face)."""
    if not len(times):
        return ()
    seconds = np.floor(times)
    starts = np.flatnonzero(np.diff(seconds, prepend=-1.0))
    whole = np.add.reduceat(shown, starts)
    lost = np.add.reduceat(np.where(found, 0.0, shown), starts)
    return tuple(
        (float(seconds[i]), float(part / all_ if all_ > 0 else not found[i]))
        for i, part, all_ in zip(starts, lost, whole, strict=True)
    )
