"""Compare a candidate's fingerprint with the reference's, second by second (trust step 10).

The candidate is laid on the reference's time axis by one offset (a trimmed copy starts later); nothing is
stretched. Then every second must agree in each part. Colour and loudness are matched once for the whole
video, so that a mild grade passes and a patch of another colour does not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from provenance.fingerprint.align import MARGIN, offsets
from provenance.fingerprint.models import (
    LUMA_SIDE,
    SPEECH_BITS,
    SPEECH_RATE,
    Comparison,
    Difference,
    Fingerprint,
    What,
)
from provenance.fingerprint.sound import bits_of
from provenance.fingerprint.watch import NO_FACE

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Limits:
    """The most by which a second of a true copy differs.

    Set between true copies and edits of calibration clips, then checked on others: docs/watermark.md has both tables.
    """

    luma: float = 7.0  # grey levels, worst of 24x24 blocks, median of the second's samples
    luma_mean: float = 1.4  # grey levels, mean of all blocks
    chroma: float = 4.5  # levels, worst of 8x8 blocks
    face_bits: float = 0.10  # share of the 256 signs
    shape: float = 1.6  # mean difference of the ratios, in 1/64 of the eyes' distance
    place: float = 0.008  # of the short side: where the face is, and its size
    lips: float = 0.020  # of the eyes' distance: mouth opening and width
    lost: float = 0.35  # share of frames with a face in one of the two only
    speech: float = 0.25  # share of wrong bits in voiced hops
    level: float = 4.0  # dB, mean difference of loudness after one gain for the video


LIMITS = Limits()
# A hop counts as sound when it is within this of the video's loud hops (half decibels), and over this level.
_BELOW_LOUD = 60
_FLOOR = 80
# Sound may sit this many hops beside the picture: codec delay (AAC's 1024 samples) and rounding.
_SLACK_HOPS = 3
# Sharply wrong in a part of the second is wrong: fewer active hops than this say nothing.
_FEW_HOPS = 6
MIN_SECONDS = 1.0
_ONE_FRAME = 0.045
# A picture, or audible sound beside it, that only one of the two has for this long is no encoder's rounding.
_ROUNDING = 0.3
_BLOCK = 2048  # picture samples at a time: bounded memory for hours
# A block moves when its mean changes by this much within a second, grey levels.
_MOVING = 5.0
# A second that agrees this far (s) from its place is out of order; looked for in this many seconds at most.
_ELSEWHERE = 0.2
_MOST_LOOKED_FOR = 60


def compare(reference: Fingerprint, candidate: Fingerprint, limits: Limits = LIMITS) -> Comparison:
    """Whether ``candidate`` shows and says what ``reference`` does, whole or trimmed at its ends.

    Fails closed: a candidate under a second, without frames, or longer than the reference never agrees. A copy that
    shows the last (or first) picture is no excerpt there: what is heard after (or before) it must be heard too.
    """
    if candidate.duration < MIN_SECONDS:
        why = f"the clip is too short: {candidate.duration:.1f} s, a comparison needs {MIN_SECONDS:g} s"
        return Comparison(False, None, (Difference(0.0, candidate.duration, "picture"),), reason=why)
    if not len(candidate.picture_ms) or not len(reference.picture_ms):
        return Comparison(False, None, (Difference(0.0, candidate.duration, "picture"),))
    if abs(candidate.aspect / reference.aspect - 1) > 0.02:
        return Comparison(False, None, (Difference(0.0, candidate.duration, "picture"),))
    best: Comparison | None = None
    for offset in offsets(reference, candidate):
        tried = _at(reference, candidate, offset, limits)
        if best is None or len(tried.differing) < len(best.differing):
            best = tried
        if best.agrees:
            break
    assert best is not None and best.offset is not None
    return best if best.agrees else _with_order(reference, candidate, best, limits)


def _at(reference: Fingerprint, candidate: Fingerprint, offset: float, limits: Limits) -> Comparison:
    view = _View(reference, candidate, offset)
    differing: list[Difference] = []
    measures: list[dict[str, float]] = []
    for t0, t1 in view.spans():
        measured = view.second(t0, t1)
        measures.append({"t0": t0, **measured})
        # What the candidate lacks before its begin is told of its first second.
        told = (t0, t1) if t1 > 0 else (0.0, min(1.0, candidate.duration))
        differing += [Difference(*told, what) for what in _wrong(measured, limits)]
    covers = (max(offset, 0.0), min(offset + candidate.duration, reference.duration))
    return Comparison(not differing, offset, tuple(dict.fromkeys(differing)), covers, tuple(measures))


def _seconds(t0: float, t1: float) -> Iterator[tuple[float, float]]:
    """``t0`` to ``t1`` by whole seconds; a rest shorter than half a second belongs to its neighbour."""
    edges = [t0, *(float(second) for second in range(math.floor(t0) + 1, math.ceil(t1))), t1]
    if len(edges) > 2 and edges[1] - edges[0] < 0.5:
        del edges[1]
    if len(edges) > 2 and edges[-1] - edges[-2] < 0.5:
        del edges[-2]
    return pairwise(edges)


def _wrong(measured: dict[str, float], limits: Limits) -> Iterator[What]:
    if measured["outside"] > 0.3:
        yield "order"
        return
    if (
        measured["luma"] > limits.luma
        or measured["luma_mean"] > limits.luma_mean
        or measured["chroma"] > limits.chroma
        or measured["shown"] > _ROUNDING
    ):
        yield "picture"
    if (
        measured["face_bits"] > limits.face_bits
        or measured["shape"] > limits.shape
        or measured["place"] > limits.place
        or measured["lips"] > limits.lips
        or measured["lost"] > limits.lost
    ):
        yield "face"
    if measured["speech"] > limits.speech or measured["level"] > limits.level:
        yield "speech"


class _View:
    """The candidate laid over the reference at one offset."""

    def __init__(self, reference: Fingerprint, candidate: Fingerprint, offset: float):
        self.reference, self.candidate, self.offset = reference, candidate, offset
        self._ref_t = reference.picture_ms.astype(np.float64) / 1000
        self._cand_t = candidate.picture_ms.astype(np.float64) / 1000
        after = np.clip(np.searchsorted(self._ref_t, self._cand_t + offset), 1, max(len(self._ref_t) - 1, 1))
        self._after = np.minimum(after, len(self._ref_t) - 1)
        self._before = np.maximum(after - 1, 0)
        self._begin, self._end = self._extent()
        self._pictures()
        self._motion()
        self._sound()

    def _extent(self) -> tuple[float, float]:
        """Seconds of the candidate to compare: all of it, and what must be heard beside its first and last picture."""
        ref, cand, offset = self.reference, self.candidate, self.offset
        begin, end = 0.0, cand.duration
        if cand.shown[0] + offset <= ref.shown[0] + MARGIN and ref.shown[0] > MARGIN:
            begin = min(begin, -offset)
        if cand.shown[1] + offset >= ref.shown[1] - MARGIN and ref.duration > ref.shown[1] + MARGIN:
            end = max(end, ref.duration - offset)
        return begin, end

    def spans(self) -> Iterator[tuple[float, float]]:
        """The seconds to compare; none holds both a picture and sound alone."""
        first, last = self.candidate.shown
        edges = [self._begin, *(t for t in (first, last) if self._begin < t < self._end), self._end]
        for t0, t1 in pairwise(edges):
            yield from _seconds(t0, t1)

    def _pictures(self) -> None:
        """Distance of each block to the range of the four reference samples around it, colours matched once.

        A trimmed copy is sampled between the reference's samples; what moved in between lies in that range, or
        in a neighbouring block's where this block moves.
        """
        count = LUMA_SIDE**2
        parts = [slice(0, count), slice(count, count + 64), slice(count + 64, count + 128)]
        matches = [_match(self._middles(part)) for part in parts]
        worst: list[Floats] = []
        for rows, around in self._around():
            lowest, highest = around.min(axis=0).astype(np.float64), around.max(axis=0).astype(np.float64)
            _widen(lowest, highest)
            seen = self.candidate.pictures[rows].astype(np.float64)
            matched = np.concatenate(
                [gain * seen[:, part] + shift for part, (gain, shift) in zip(parts, matches, strict=True)],
                axis=1,
            )
            distance = np.maximum(np.maximum(matched - highest, lowest - matched), 0)
            luma = distance[:, :count]
            worst.append(
                np.stack([luma.max(axis=1), luma.mean(axis=1), distance[:, count:].max(axis=1)], axis=1)
            )
        self._luma, self._luma_mean, self._chroma = np.concatenate(worst).T

    def _around(self) -> Iterator[tuple[slice, npt.NDArray[np.uint8]]]:
        """The candidate's samples by blocks, with the reference's four around each: (4, k, 704)."""
        last = len(self._ref_t) - 1
        for start in range(0, len(self._cand_t), _BLOCK):
            rows = slice(start, start + _BLOCK)
            before, after = self._before[rows], self._after[rows]
            steps = np.stack([before - 1, before, after, after + 1])
            yield rows, self.reference.pictures[np.clip(steps, 0, last)]

    def _middles(self, part: slice) -> Iterator[tuple[Floats, Floats]]:
        """(k, values) of the candidate and what is expected of it, by blocks."""
        for rows, around in self._around():
            seen = self.candidate.pictures[rows, part].astype(np.float64)
            yield seen, around[1:3, :, part].mean(axis=0)

    def _motion(self) -> None:
        """Mouth and place of the face at the candidate's frames, of both."""
        ref, cand = self.reference, self.candidate
        self._frame_t = cand.frame_ms.astype(np.float64) / 1000
        there = self._frame_t + self.offset
        times = ref.frame_ms.astype(np.float64) / 1000
        found = ref.motion[:, 0] != NO_FACE
        self._cand_found = cand.motion[:, 0] != NO_FACE
        nearest = np.clip(np.searchsorted(times, there), 0, max(len(times) - 1, 0))
        self._ref_found = found[nearest] if len(times) else np.zeros(len(there), bool)
        self._apart = np.full((len(there), 5), np.nan)
        if found.sum() >= 2:
            for column in range(5):
                expected = np.interp(there, times[found], ref.motion[found, column])
                self._apart[:, column] = np.abs(cand.motion[:, column] - expected)
        self._apart[~(self._ref_found & self._cand_found)] = np.nan

    def _sound(self) -> None:
        """Wrong bits and loudness difference of each hop to compare, at the best small delay."""
        ref, cand = self.reference, self.candidate
        self._first_hop = round(self._begin * SPEECH_RATE)
        count = round(self._end * SPEECH_RATE) - self._first_hop
        start = round((self._begin + self.offset) * SPEECH_RATE)
        mine, my_level = _cut(cand.speech, cand.level, self._first_hop, count)
        best: tuple[float, Floats, Floats, npt.NDArray[np.bool_]] | None = None
        for slack in range(-_SLACK_HOPS, _SLACK_HOPS + 1):
            other, level = _cut(ref.speech, ref.level, start + slack, count)
            active = _active(level, ref.level) | _active(my_level, cand.level)
            both = _active(level, ref.level) & _active(my_level, cand.level)
            wrong = (bits_of(mine) != bits_of(other)).sum(axis=1) / SPEECH_BITS
            total = float(wrong[both].mean()) if both.any() else 0.5
            if best is None or total < best[0]:
                apart = (my_level.astype(np.float64) - level) / 2
                gain = float(np.median(apart[both])) if both.sum() >= _FEW_HOPS else 0.0
                best = (
                    total,
                    np.where(both, wrong, np.nan),
                    np.where(active, np.abs(apart - gain), np.nan),
                    active,
                )
        assert best is not None
        _, self._wrong_bits, self._level_apart, _ = best

    def second(self, t0: float, t1: float) -> dict[str, float]:
        """The measures of one second of the candidate; 0 where there is nothing to compare."""
        out = dict.fromkeys(
            ("luma", "luma_mean", "chroma", "face_bits", "shape", "lost", "lips", "place"), 0.0
        )
        out["outside"] = self._outside(t0, t1)
        mine, other, both = self._pictured(t0, t1)
        out["shown"] = mine + other - 2 * both
        if both > 0:
            inside = self._inside(self._cand_t, t0, t1)
            # After the reference's last sample there is nothing to compare with; up to a quarter of a second.
            sampled = inside[self._cand_t[inside] + self.offset <= self._ref_t[-1] + _ONE_FRAME]
            inside = sampled if len(sampled) else inside
            out["luma"] = float(np.median(self._luma[inside])) if len(inside) else 255.0
            out["luma_mean"] = float(self._luma_mean[inside].mean()) if len(inside) else 255.0
            out["chroma"] = float(np.median(self._chroma[inside])) if len(inside) else 255.0
            out |= self._face(inside)
            frames = self._inside(self._frame_t, t0, t1)
            lost = self._ref_found[frames] != self._cand_found[frames]
            out["lost"] = float(lost.mean()) if len(lost) else 1.0
            apart = self._apart[frames]
            apart = apart[~np.isnan(apart[:, 0])] if len(apart) else apart
            out["lips"] = float(apart[:, :2].mean()) / 4096 if len(apart) else 0.0
            out["place"] = float(apart[:, 2:].mean()) / 10000 if len(apart) else 0.0
        hops = slice(*(round(t * SPEECH_RATE) - self._first_hop for t in (t0, t1)))
        wrong, level = self._wrong_bits[hops], self._level_apart[hops]
        voiced, loud = ~np.isnan(wrong), ~np.isnan(level)
        out["speech"] = float(wrong[voiced].mean()) if voiced.sum() >= _FEW_HOPS else 0.0
        out["level"] = float(level[loud].mean()) if loud.sum() >= _FEW_HOPS else 0.0
        return out

    def _pictured(self, t0: float, t1: float) -> tuple[float, float, float]:
        """Seconds of this span in which the candidate, the reference, and both show a picture."""
        mine = (max(t0, self.candidate.shown[0]), min(t1, self.candidate.shown[1]))
        there = [t - self.offset for t in self.reference.shown]
        other = (max(t0, there[0]), min(t1, there[1]))
        both = (max(mine[0], other[0]), min(mine[1], other[1]))
        a, b, c = (max(0.0, end - start) for start, end in (mine, other, both))
        return a, b, c

    @staticmethod
    def _inside(times: Floats, t0: float, t1: float) -> npt.NDArray[np.intp]:
        """Which of ``times`` lie in the span; where none does, the one before it: its picture is still shown."""
        first, last = np.searchsorted(times, (t0, t1))
        return (
            np.arange(first, last) if last > first else np.arange(max(first - 1, 0), min(first, len(times)))
        )

    def _outside(self, t0: float, t1: float) -> float:
        """Seconds of this span that lie before or after the reference."""
        start, end = max(t0, 0.0) + self.offset, min(t1, self.candidate.duration) + self.offset
        return max(0.0, -start) + max(0.0, end - self.reference.duration)

    def _face(self, inside: npt.NDArray[np.intp]) -> dict[str, float]:
        ref, cand = self.reference, self.candidate
        bits, shapes = [], []
        for index in inside:
            if not cand.face_shape[index].any():
                continue
            around = [i for i in (self._before[index], self._after[index]) if ref.face_shape[i].any()]
            if not around:
                continue
            bits.append(
                min(
                    np.unpackbits(cand.face_bits[index] ^ ref.face_bits[i]).mean(dtype=np.float64)
                    for i in around
                )
            )
            expected = np.mean([ref.face_shape[i].astype(np.float64) for i in around], axis=0)
            shapes.append(cand.face_shape[index] - expected)
        if not bits:
            return {"face_bits": 0.0, "shape": 0.0}
        return {"face_bits": float(np.mean(bits)), "shape": float(np.abs(np.mean(shapes, axis=0)).mean())}


def _widen(lowest: Floats, highest: Floats) -> None:
    """Let luma blocks that move take their neighbours' values too, in place; still blocks stay as they are."""
    square = np.ones((3, 3), np.uint8)
    for low, high in zip(lowest[:, : LUMA_SIDE**2], highest[:, : LUMA_SIDE**2], strict=True):
        moving = high - low > _MOVING
        wider = cv2.dilate(high.reshape(LUMA_SIDE, LUMA_SIDE), square).ravel()
        lower = cv2.erode(low.reshape(LUMA_SIDE, LUMA_SIDE), square).ravel()
        high[moving], low[moving] = wider[moving], lower[moving]


def _match(pairs: Iterator[tuple[Floats, Floats]]) -> tuple[float, float]:
    """The one gain and offset of what is seen that fits what is expected best, within a mild grade."""
    kept = [(seen.astype(np.float32), expected.astype(np.float32)) for seen, expected in pairs]
    count = sum(seen.size for seen, _ in kept)
    middle = sum(float(seen.sum(dtype=np.float64)) for seen, _ in kept) / count
    wanted = sum(float(expected.sum(dtype=np.float64)) for _, expected in kept) / count
    spread = sum(float(((seen - middle) ** 2).sum(dtype=np.float64)) for seen, _ in kept)
    common = sum(
        float(((seen - middle) * (expected - wanted)).sum(dtype=np.float64)) for seen, expected in kept
    )
    gain = min(max(common / spread if spread > 0 else 1.0, 0.7), 1.4)
    rest = np.concatenate([(expected - gain * seen).ravel() for seen, expected in kept])
    return gain, min(max(float(np.median(rest)), -40.0), 40.0)


def _cut(
    words: npt.NDArray[np.uint32], level: npt.NDArray[np.uint8], start: int, count: int
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint8]]:
    """``count`` hops from ``start``; silence where there are none."""
    out = np.zeros(count, np.uint32), np.zeros(count, np.uint8)
    first, last = max(start, 0), min(start + count, len(words))
    if last > first:
        out[0][first - start : last - start] = words[first:last]
        out[1][first - start : last - start] = level[first:last]
    return out


def _active(level: npt.NDArray[np.uint8], whole: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    loud = float(np.percentile(whole, 95)) if len(whole) else 0.0
    return np.asarray(level > max(loud - _BELOW_LOUD, _FLOOR))


def _with_order(
    reference: Fingerprint, candidate: Fingerprint, found: Comparison, limits: Limits
) -> Comparison:
    """Seconds that are another part of the reference are out of order rather than foreign."""
    moved: set[float] = set()
    for t0, t1 in sorted({difference[:2] for difference in found.differing})[:_MOST_LOOKED_FOR]:
        if t1 - t0 < 0.5:
            continue
        piece = candidate.part(t0, t1)
        if not len(piece.picture_ms):
            continue  # sound alone: which words they are is not looked for
        for start in offsets(reference, piece):
            away = abs(start - t0 - (found.offset or 0.0)) > _ELSEWHERE
            if away and _at(reference, piece, start, limits).agrees:
                moved.add(t0)
                break
    differing = dict.fromkeys(
        Difference(d.t0, d.t1, "order") if d.t0 in moved else d for d in found.differing
    )
    return replace(found, differing=tuple(differing))
