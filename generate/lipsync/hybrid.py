"""The default engine: articulation from speech, real mouths by unit selection, bent to the predicted shape."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from core.perception.models import Phone
from generate.lipsync.body import walk
from generate.lipsync.models import Image, Prepared, Progress, picture_count
from generate.lipsync.points import LOWER, OF_MOUTH
from generate.lipsync.pose import Array
from generate.lipsync.prepare import Parts, prepare
from generate.lipsync.render import Mouth, draw
from generate.lipsync.units import select
from generate.models import Speech

Index = NDArray[np.intp]
SHARPEN = 0.2  # of an unsharp mask, against the one resampling; more makes grain flicker


class HybridLipSync:
    """See the package's docstring. CPU only, no downloads, deterministic."""

    engine = "greenroom-hybrid 1"

    def prepare(self, reference: Path, cache: Path, progress: Progress | None = None) -> Prepared:
        return prepare(reference, cache, self.engine, progress)

    def animate(
        self, prepared: Prepared, speech: Speech, *, head: float = 0.0, tail: float = 0.0
    ) -> Iterator[Image]:
        parts = _parts(prepared, self.engine)
        count = picture_count(prepared, speech, head, tail)
        body = walk(parts.run, parts.motion, count, float(prepared.fps))
        return render(parts, padded(speech, head, tail), body, float(prepared.fps))


def render(parts: Parts, speech: Speech, body: Index, fps: float) -> Iterator[Image]:
    """Pictures of ``speech`` on the given frames of the reference, one for each."""
    wanted = parts.articulation.predict(speech, fps, len(body))
    chosen = parts.units[_select(parts, wanted, body)]
    manner = _manner(parts, chosen, body)
    for n, frame in enumerate(body):
        target = parts.pose.to_pixels(parts.shape.move(manner[n], wanted[n] - parts.shape.mean), int(frame))
        yield _picture(parts, int(frame), target, _mouths(parts, chosen, n))


def padded(speech: Speech, head: float, tail: float) -> Speech:
    """The same speech with silence before and after it, seconds."""
    before, after = round(head * speech.rate), round(tail * speech.rate)
    samples = np.pad(speech.samples, (before, after))
    phones = tuple(Phone(p.symbol, p.t0 + head, p.t1 + head) for p in speech.phones)
    if phones:
        end = head + speech.seconds + tail
        phones = (Phone("SIL", 0.0, head), *phones, Phone("SIL", phones[-1].t1, end))
    return replace(speech, samples=samples, phones=phones)


def _parts(prepared: Prepared, engine: str) -> Parts:
    if prepared.engine != engine or not isinstance(prepared.parts, Parts):
        raise ValueError(f"prepared by {prepared.engine}, not by {engine}: prepare the reference again")
    return prepared.parts


def _select(parts: Parts, wanted: Array, body: Index) -> Index:
    shape = parts.shape
    heads = np.concatenate([parts.pose.angles()[:, :2], 100 * np.log(parts.pose.scale)[:, None] / 2], axis=1)
    units = parts.units
    blur = np.clip(1 - parts.sharpness[units] / np.median(parts.sharpness[units]), 0, 1)
    return select(
        (wanted - shape.mean) / shape.spread,
        heads[body],
        (parts.own[units] - shape.mean) / shape.spread,
        heads[units],
        2.0 * blur,
    )


def _manner(parts: Parts, chosen: Index, body: Index) -> Array:
    """(n, p, 3) what a picture's lower face has besides its gestures: lips from the unit, outline from the body."""
    own = parts.canonical[:, LOWER] - np.tensordot(parts.own - parts.shape.mean, parts.shape.basis, axes=1)
    share = OF_MOUTH[:, None]
    manner: Array = gaussian_filter1d(share * own[chosen], 1.5, axis=0) + (1 - share) * own[body]
    return manner


def _picture(parts: Parts, frame: int, target: Array, mouths: list[Mouth]) -> Image:
    return draw(
        parts.bodies[frame],
        parts.points[frame, :, :2],
        target,
        scale=float(parts.pose.scale[frame]),
        mouths=mouths,
        sharpen=SHARPEN,
    )


def _mouths(parts: Parts, chosen: Index, n: int) -> list[Mouth]:
    """The chosen mouth; at a join also the one that would have followed, for the skin around the lips."""
    now, last = int(chosen[n]), int(chosen[n - 1])
    following = last + 1
    if n == 0 or abs(now - last) <= 1 or following not in parts.units:
        return [_mouth(parts, now, 1.0)]
    return [_mouth(parts, now, 0.6), _mouth(parts, following, 0.4)]


def _mouth(parts: Parts, unit: int, share: float) -> Mouth:
    x, y = parts.corners[unit]
    return Mouth(parts.mouths[unit], (int(x), int(y)), parts.points[unit, :, :2], share)
