"""One face, weighed by the time for which it is shown."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from core.perception.models import FaceTrack
from detect.errors import Abstain
from detect.models import Subject
from detect.presence import PresenceGate


def result(times, found, end, faces=None):
    times, found = np.asarray(times, float), np.asarray(found, bool)
    boxes = np.where(found[:, None], np.float32([0, 0, 9, 9]), np.float32(np.nan)).astype(np.float32)
    looks = np.full(len(times), 1, np.int8) if faces is None else np.asarray(faces, np.int8)
    track = FaceTrack(times, found, looks, boxes, 64, 36, 25.0)
    start = Fraction(times[0])
    video = SimpleNamespace(start=start, end=Fraction(end), duration=Fraction(end) - start)
    info = SimpleNamespace(video=video, duration=Fraction(end) + 5)  # the sound goes on
    return PresenceGate().result(Subject(None, info, track))


def test_on_an_uneven_clock_a_picture_counts_for_the_time_it_is_shown() -> None:
    # Nine pictures with a face in the first .36 s, then one without that stands for the rest of ten seconds.
    times = [*np.arange(9) * 0.04, 0.36]
    found = result(times, [*[True] * 9, False], 10)
    assert found.score == pytest.approx(0.964)
    assert found.curve == ((0.0, pytest.approx(0.964)),)


def test_an_even_clock_counts_frames() -> None:
    times = 1 + np.arange(100) * 0.04
    found = result(times, np.arange(100) >= 30, 5)
    assert found.score == pytest.approx(0.3)
    assert [t for t, _ in found.curve] == [1.0, 2.0, 3.0, 4.0]
    assert [round(share, 3) for _, share in found.curve] == [1.0, 0.2, 0.0, 0.0]


def test_findings_lie_within_the_picture() -> None:
    times = 2 + np.arange(100) * 0.04
    (finding,) = result(times, np.zeros(100), 6).findings
    assert (finding.code, finding.spans[0].t0, finding.spans[0].t1) == ("no_face", 2.0, 6.0)
    (finding,) = result(times, np.ones(100), 6, np.full(100, 2)).findings
    assert (finding.code, finding.spans[0].t0, finding.spans[0].t1) == ("two_faces", 2.0, 6.0)


def test_a_short_clip_is_called_too_short() -> None:
    with pytest.raises(Abstain) as reason:
        result(np.arange(20) * 0.04, np.ones(20), Fraction(4, 5))
    assert str(reason.value) == "the clip is too short: 0.8 s, counting faces needs 1 s"
