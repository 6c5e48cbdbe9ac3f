"""Trust steps 5 to 7 in one pass: every picture labelled and marked, in step with the sound, or no file at all."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.labels import draw_label, label_legibility, load_label_profile
from core.media.decode import frames, sound
from core.media.essence import essence
from core.media.models import Frame
from core.media.probe import probe
from generate.errors import Cancelled
from generate.lipsync.body import walk
from generate.lipsync.hybrid import HybridLipSync
from generate.lipsync.models import Prepared
from generate.models import Candidate, Speech
from generate.relabel import steady
from generate.service import HEAD_SECONDS, make_candidate, relabel
from tests.generate.conftest import write_clip

Image = NDArray[np.uint8]
PROFILE = load_label_profile("eu")


class CountingMark:
    """A stand-in for the invisible mark that leaves a visible corner, and remembers what it was given."""

    def __init__(self) -> None:
        self.indexes: list[int] = []
        self.labelled: list[float] = []

    def __call__(self, index: int, image: Image) -> Image:
        self.indexes.append(index)
        self.labelled.append(label_legibility(image, PROFILE, index / 25, 60.0))
        marked = image.copy()
        marked[-32:, -32:] = (0, 0, 255)
        return marked


@pytest.fixture(scope="module")
def mark() -> CountingMark:
    return CountingMark()


@pytest.fixture(scope="module")
def candidate(
    prepared: Prepared, speech: Speech, mark: CountingMark, tmp_path_factory: pytest.TempPathFactory
) -> Candidate:
    out = tmp_path_factory.mktemp("candidate") / "candidate.mp4"
    shares: list[float] = []
    made = make_candidate(
        prepared,
        speech,
        label_profile=PROFILE,
        mark=mark,
        out=out,
        lipsync=HybridLipSync(),
        progress=shares.append,
    )
    assert shares == sorted(shares) and shares[-1] == 1.0
    return made


def test_the_candidate_is_what_it_says(candidate: Candidate, speech: Speech) -> None:
    info = probe(candidate.path)
    assert (info.video.width, info.video.height, info.video.frame_rate) == (1280, 720, 25)
    assert candidate.seconds == pytest.approx(speech.seconds + 0.6, abs=0.04)
    assert float(info.video.duration) == pytest.approx(candidate.seconds, abs=0.001)
    assert info.audio is not None
    assert float(info.audio.duration) == pytest.approx(candidate.seconds, abs=0.06)
    assert candidate.essence == essence(candidate.path).sha256
    assert candidate.engine.startswith("greenroom-hybrid")
    assert candidate.voice.startswith("hibari")


def test_every_picture_was_labelled_before_it_was_marked(candidate: Candidate, mark: CountingMark) -> None:
    assert mark.indexes == list(range(candidate.frames))
    assert min(mark.labelled) > 0.9


def test_every_stored_picture_carries_label_and_mark(candidate: Candidate) -> None:
    count = 0
    for frame in frames(candidate.path):
        count += 1
        assert label_legibility(frame.image, PROFILE, float(frame.time), candidate.seconds) > 0.7
        assert frame.image[-16:, -16:, 2].mean() > 200
    assert count == candidate.frames


def test_the_sound_begins_after_the_head(candidate: Candidate, speech: Speech) -> None:
    heard = sound(candidate.path)
    spoken = np.abs(speech.samples).max() * 0.1
    first = int(np.argmax(np.abs(heard) > spoken)) / 16_000
    meant = int(np.argmax(np.abs(speech.samples) > spoken)) / speech.rate + HEAD_SECONDS
    assert first == pytest.approx(meant, abs=0.01)


def test_only_the_lower_face_changes(prepared: Prepared, speech: Speech) -> None:
    """Eyes, hair and backdrop are the reference's own pixels."""
    parts = prepared.parts
    shown = next(iter(HybridLipSync().animate(prepared, speech)))
    body = parts.bodies[int(walk(parts.run, parts.motion, 1, 25.0)[0])]
    assert np.array_equal(shown[:300], body[:300])
    assert np.array_equal(shown[:, :440], body[:, :440])  # the face begins right of it
    assert not np.array_equal(shown, body)


def test_a_cancelled_render_leaves_nothing(prepared: Prepared, speech: Speech, tmp_path: Path) -> None:
    asked = iter([False] * 5 + [True])
    with pytest.raises(Cancelled):
        make_candidate(
            prepared,
            speech,
            label_profile=PROFILE,
            mark=lambda index, image: image,
            out=tmp_path / "out.mp4",
            lipsync=HybridLipSync(),
            cancelled=lambda: next(asked),
        )
    assert list(tmp_path.iterdir()) == []


def test_a_mark_that_fails_leaves_nothing(prepared: Prepared, speech: Speech, tmp_path: Path) -> None:
    def failing(index: int, image: Image) -> Image:
        if index == 3:
            raise RuntimeError("no mark")
        return image

    with pytest.raises(RuntimeError, match="no mark"):
        make_candidate(
            prepared,
            speech,
            label_profile=PROFILE,
            mark=failing,
            out=tmp_path / "out.mp4",
            lipsync=HybridLipSync(),
        )
    assert list(tmp_path.iterdir()) == []


def test_an_import_keeps_its_picture_and_sound(
    presenter_pictures: list[Image], presenter_sound: NDArray[np.float32], tmp_path: Path
) -> None:
    """A customer's video comes out labelled, marked, and in step with its sound."""
    source = write_clip(tmp_path / "in.mp4", [p[::2, ::2] for p in presenter_pictures[:60]], presenter_sound)
    mark = CountingMark()
    out = relabel(source, label_profile=PROFILE, mark=mark, out=tmp_path / "out.mp4")
    assert mark.indexes == list(range(60))
    before, after = list(frames(source)), list(frames(out))
    assert len(after) == 60
    label = draw_label(before[30].image, PROFILE, 1.2, 2.4)
    label[-32:, -32:] = (0, 0, 255)
    assert np.abs(after[30].image.astype(int) - label).mean() < 2.5
    a, b = sound(source), sound(out)
    n = min(len(a), len(b)) - 400
    lags = [
        float(np.corrcoef(a[200 : n - 200], b[200 + lag : n - 200 + lag])[0, 1]) for lag in range(-40, 41, 8)
    ]
    assert max(lags) > 0.98 and int(np.argmax(lags)) == 5


def test_an_uneven_clock_becomes_an_even_one() -> None:
    """Each picture is shown at the ticks nearest to its time: none is lost to jitter, gaps hold the last one."""
    times = [Fraction(0), Fraction(41, 1000), Fraction(79, 1000), Fraction(200, 1000), Fraction(241, 1000)]
    pictures = [Frame(n, time, np.full((2, 2, 3), n, np.uint8)) for n, time in enumerate(times)]
    shown = [int(image[0, 0, 0]) for image in steady(pictures, Fraction(25))]
    assert shown == [0, 1, 2, 2, 2, 3, 4]
