"""Planted defects: finished renders spoilt on purpose, to measure what the gates catch.

Every planted and every clean file of a benchmark goes through the same second decode and encode (:func:`spoil` with
kind ``None`` for clean), so that a gate cannot tell them by the number of encodings. Spans last .6-2 s.
Strengths (``detect.training.plant.STRENGTH``, in units of the eye distance or of 8-bit levels) are such that a careful
viewer notices at normal speed; we looked at strips of them. Two kinds are no change of a finished file but another
making of it, because that is how they come about: ``replaced_word`` (a render of another script under the first
one's brief) and ``broken_mark`` (a render that never got its mark); see ``benchmarks.gates_end_to_end``.

    python -m benchmarks.defects RENDER OUT_DIR [KIND...]    writes one spoilt file a kind
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.labels import LabelProfile, label_patch, load_label_profile
from core.media.decode import frames, sound
from core.media.encode import SOUND_RATE, VideoWriter
from core.media.models import Frame
from core.media.probe import probe
from core.perception.record import LandmarkRecorder
from core.perception.watch import watch
from detect.training import plant

Image = NDArray[np.uint8]

PICTURE = plant.KINDS  # drawn into the frames of one span
FILE = ("shifted_sound", "missing_label")  # change the whole file
OTHER_RENDER = ("replaced_word", "broken_mark")  # another making, see above
KINDS = (*PICTURE, *FILE, *OTHER_RENDER)

SPAN_SECONDS = (0.6, 2.0)
SHIFT_FRAMES = (5, 9)  # of the sound, either way


@dataclass(frozen=True)
class Planted:
    """What was planted: kind, seconds (None for the whole file), strength (see :data:`plant.STRENGTH`), manner."""

    kind: str
    t0: float | None
    t1: float | None
    strength: float
    manner: str = ""


def spoil(
    source: Path,
    out: Path,
    kind: str | None,
    seed: int,
    *,
    seen: LandmarkRecorder | None = None,
    donor: plant.Donor | None = None,
    label: LabelProfile | None = None,
) -> Planted | None:
    """Decode ``source``, plant one defect, encode to ``out`` as generation encodes. ``None`` plants nothing.

    Args:
        seen: all mesh points of ``source``; looked for when None and needed.
        donor: another face, for ``identity_swap``.
        label: the profile that ``source`` was labelled with, for ``missing_label``.

    Raises:
        ValueError: the kind cannot be planted into a finished file, or the clip is too short.
    """
    info = probe(source)
    rate = info.video.frame_rate
    rng = np.random.default_rng(seed)
    samples = sound(source, SOUND_RATE)
    # The copy begins with the first picture: what is heard before it goes.
    samples = samples[round(float(info.video.start) * SOUND_RATE) :]
    planted: Planted | None = None
    plan = plant.Plan()
    if kind in PICTURE:
        seen = seen or recorded(source)
        plan, planted = _plan(str(kind), seen, float(rate), rng, donor)
    elif kind == "shifted_sound":
        shift = int(rng.integers(SHIFT_FRAMES[0], SHIFT_FRAMES[1] + 1)) * int(rng.choice([-1, 1]))
        samples = _shifted(samples, round(shift / float(rate) * SOUND_RATE))
        planted = Planted(kind, None, None, float(shift), "frames; sound late when positive")
    elif kind == "missing_label":
        planted = Planted(kind, None, None, 1.0, "painted over from its borders")
    elif kind is not None:
        raise ValueError(f"'{kind}' is not planted into a finished file")
    cover = None
    written = 0
    width, height = info.video.width, info.video.height
    sound_rate = SOUND_RATE if len(samples) else 0
    with (
        VideoWriter(out, width, height, rate, sound_rate, threads=1) as writer,
        closing(frames(source)) as pictures,
    ):
        for number, frame in enumerate(_steady(pictures, rate)):
            image = np.array(frame.image, np.uint8)
            if plan.spans and seen is not None:
                image = plan.apply(frame.index, image, seen[frame.index : frame.index + 1][0])
            if kind == "missing_label":
                cover = cover or _label_box(label or load_label_profile("default"), width, height)
                image = _painted_over(image, cover)
            writer.write(image)
            until = min(round((number + 1) / float(rate) * SOUND_RATE), len(samples))
            if until > written:
                writer.write_sound(samples[written:until])
                written = until
    return planted


def recorded(source: Path) -> LandmarkRecorder:
    """All mesh points of a clip."""
    recorder = LandmarkRecorder()
    watch(source, [recorder])
    return recorder


def _steady(pictures: Iterable[Frame], rate: Fraction) -> Iterator[Frame]:
    """The frames at ``rate`` from the first one on: the one that is shown at each moment, by the file's own clock."""
    start: Fraction | None = None
    shown: Frame | None = None
    count = 0
    for frame in pictures:
        start = frame.time if start is None else start
        # Half a frame of grace, as clocks jitter.
        while shown is not None and start + count / rate < frame.time - 1 / (2 * rate):
            yield shown
            count += 1
        shown = frame
    if shown is not None:
        yield shown


def _plan(
    kind: str, seen: LandmarkRecorder, fps: float, rng: np.random.Generator, donor: plant.Donor | None
) -> tuple[plant.Plan, Planted]:
    """Where: .6-2 s within the clip, .3 s away from its ends; a doubled mouth where the mouth is open widest."""
    times = seen.times
    count = len(times)
    margin = round(0.3 * fps)
    longest = min(SPAN_SECONDS[1], 0.4 * count / fps)
    if longest < SPAN_SECONDS[0]:
        raise ValueError("the clip is too short to plant a defect: it needs 1.5 s")
    length = round(float(rng.uniform(SPAN_SECONDS[0], longest)) * fps)
    first, last = margin, count - margin - length
    start = int(rng.integers(first, last + 1))
    if kind == "doubled_teeth":
        sums = np.convolve(_gap(seen), np.ones(length), "valid")
        start = first + int(np.argmax(sums[first : last + 1]))
    if kind == "freeze":
        # A face that stands still in a pause is no defect: take the span where the mouth moves most.
        sums = np.convolve(np.abs(np.diff(_gap(seen), prepend=0)), np.ones(length), "valid")
        start = first + int(np.argmax(sums[first : last + 1]))
    planter = plant.planter(kind, rng, donor)
    t0, t1 = (float(times[i] - times[0]) for i in (start, min(start + length, count - 1)))
    manner = str(getattr(planter, "outline", getattr(planter, "manner", "")))
    strength = float(getattr(planter, "strength", 1.0))
    return (
        plant.Plan([(start, start + length, planter)]),
        Planted(kind, round(t0, 3), round(t1, 3), round(strength, 4), manner),
    )


def _gap(seen: LandmarkRecorder) -> NDArray[np.float32]:
    """(n,) distance of the inner lips, pixels; 0 where the face was lost."""
    lips = seen[:][:, [13, 14], :2]
    gap: NDArray[np.float32] = np.nan_to_num(np.linalg.norm(lips[:, 0] - lips[:, 1], axis=1))
    return gap


def _shifted(samples: NDArray[np.float32], by: int) -> NDArray[np.float32]:
    out = np.zeros_like(samples)
    if by >= 0:
        out[by:] = samples[: len(samples) - by]
    else:
        out[:by] = samples[-by:]
    return out


def _label_box(profile: LabelProfile, width: int, height: int) -> tuple[int, int, int, int]:
    patch = label_patch(profile, width, height)
    high, wide = patch.rgba.shape[:2]
    margin = 3
    x0, y0 = max(patch.x - margin, 1), max(patch.y - margin, 1)
    return x0, y0, min(patch.x + wide + margin, width - 1), min(patch.y + high + margin, height - 1)


def _painted_over(image: Image, box: tuple[int, int, int, int]) -> Image:
    """The box filled from the rows above and below it, as somebody would who wants the label gone."""
    x0, y0, x1, y1 = box
    out = image.copy()
    top, bottom = image[y0 - 1, x0:x1].astype(np.float32), image[y1, x0:x1].astype(np.float32)
    share = np.linspace(0, 1, y1 - y0, dtype=np.float32)[:, None, None]
    fill = top[None] * (1 - share) + bottom[None] * share
    out[y0:y1, x0:x1] = np.clip(cv2.GaussianBlur(fill, (0, 0), 3), 0, 255).astype(np.uint8)
    return out


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("render", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("kinds", nargs="*", default=[*PICTURE, *FILE])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--donor", type=Path, help="a picture of another face, for identity_swap")
    parser.add_argument("--label", default="default", help="label profile of the render")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    seen = recorded(arguments.render)
    for kind in arguments.kinds:
        donor = load_donor(arguments.donor) if kind == "identity_swap" and arguments.donor else None
        if kind == "identity_swap" and donor is None:
            print("identity_swap: skipped, it needs --donor", file=sys.stderr)
            continue
        label = load_label_profile(arguments.label)
        target = arguments.out / f"{kind}.mp4"
        done = spoil(arguments.render, target, kind, arguments.seed, seen=seen, donor=donor, label=label)
        print(target, asdict(done) if done else "", file=sys.stderr)
    return 0


def load_donor(path: Path) -> plant.Donor:
    """A still picture of one face with its mesh. Raises ValueError when no face is found in it."""
    from core.perception.watch import FaceTracker

    image = cv2.imread(str(path))
    if image is None:
        raise ValueError(f"{path.name} is not a picture")
    with FaceTracker() as tracker:
        face = tracker.track(np.asarray(image, np.uint8), 0.0)
    if face is None:
        raise ValueError(f"no face is found in {path.name}")
    return plant.Donor(np.asarray(image, np.uint8), face.landmarks[:, :2])


if __name__ == "__main__":
    raise SystemExit(main())
