"""From speech to gestures: the phoneme rule, and what this person's own clip says about it.

Two estimates of each gesture: the rule's (measured targets, dominance), and a regression on phones (and sound, for
recorded speech) fitted on the reference; mixed as held-back stretches of the reference say. Then what must be so is
made so: closures of p, b, m; the lower lip at the teeth for f, v.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from generate.lipsync.regression import Regression, fit, held_back
from generate.lipsync.shape import APERTURE, GESTURES, LOWER_LIP, PINCH, POUT, WIDTH
from generate.lipsync.speech import CLOSED, TUCKED, asked, classes, held, nearness, sound_features
from generate.models import Speech

Array = NDArray[np.float64]
RECORDED = "recorded"  # a voice whose sound the regression may trust; a synthetic one is known by its phones
REACH = 0.92  # share of the person's own spread that the movement is brought back to
MOST_GAIN = 1.5
SMOOTH_SECONDS = 0.03  # the sound flickers faster than lips can; closures are set after this


@dataclass(frozen=True)
class Learned:
    """A regression and how far to trust it: ``mix`` (g,) is its share against the rule, 0..1."""

    regression: Regression
    mix: Array


@dataclass(frozen=True)
class Articulation:
    """One person's way of speaking.

    Attributes:
        mean (g,), spread (g,): of the gestures. ranks (101, g): their percentiles.
        rule (g, g): from the targets' z-scores to this person's. by_phones, by_sound: fitted on the reference, the
            second on phones and sound (sound alone where phones are unknown); None where it teaches nothing.
    """

    mean: Array
    spread: Array
    ranks: Array
    rule: Array
    by_phones: Learned | None
    by_sound: Learned | None

    def predict(self, speech: Speech, fps: float, frames: int) -> Array:
        """(frames, g) gestures in inter-eye distances for the pictures at n / fps."""
        times = (np.arange(frames) + 0.5) / fps
        z = asked(speech.phones, times) @ self.rule
        learned = self.by_sound if speech.voice == RECORDED or not speech.phones else self.by_phones
        if learned is not None:
            inputs = _inputs(speech, times, sound=learned is self.by_sound)
            if inputs.shape[1] == len(learned.regression.mean):
                z = (1 - learned.mix) * z + learned.mix * learned.regression.predict(inputs)
        z = gaussian_filter1d(z, SMOOTH_SECONDS * fps, axis=0, mode="nearest")
        if frames > 25:  # averaging makes small movements: give them the person's own reach again
            z = z.mean(axis=0) + (z - z.mean(axis=0)) * np.clip(
                REACH / (z.std(axis=0) + 1e-6), 1.0, MOST_GAIN
            )
        return self._kept(self.mean + z * self.spread, speech, times)

    def _kept(self, out: Array, speech: Speech, times: Array) -> Array:
        closed = held(speech.phones, times, CLOSED)
        tucked = held(speech.phones, times, TUCKED)
        rounded = held(speech.phones, times, frozenset({"W", "UW"}))
        for gesture, share, percentile in (
            (APERTURE, closed, 2),
            (APERTURE, tucked, 14),
            (LOWER_LIP, tucked, 8),
            (WIDTH, 0.7 * rounded, 12),
            (PINCH, 0.7 * rounded, 12),
        ):
            most = self.ranks[percentile, gesture]
            out[:, gesture] = (1 - share) * out[:, gesture] + share * np.minimum(out[:, gesture], most)
        out[:, POUT] = np.maximum(out[:, POUT], out[:, POUT] + 0.3 * rounded * self.spread[POUT])
        span = self.ranks[100] - self.ranks[0]
        return np.clip(out, self.ranks[0] - 0.02 * span, self.ranks[100] + 0.02 * span)

    def arrays(self) -> dict[str, Any]:
        """Plain arrays under plain names, for npz."""
        out: dict[str, Any] = {
            "mean": self.mean,
            "spread": self.spread,
            "ranks": self.ranks,
            "rule": self.rule,
        }
        for name, learned in (("phones", self.by_phones), ("sound", self.by_sound)):
            if learned is not None:
                out[f"{name}.mix"] = learned.mix
                out |= {f"{name}.{key}": value for key, value in learned.regression.arrays().items()}
        return out

    @staticmethod
    def from_arrays(data: dict[str, Any]) -> Articulation:
        def learned(name: str) -> Learned | None:
            own = {key.split(".", 1)[1]: value for key, value in data.items() if key.startswith(f"{name}.")}
            if not own:
                return None
            mix = own.pop("mix")
            return Learned(Regression(**own), mix)

        return Articulation(
            data["mean"], data["spread"], data["ranks"], data["rule"], learned("phones"), learned("sound")
        )


def fit_articulation(
    own: Array, usable: NDArray[np.bool_], speech: Speech | None, times: Array
) -> Articulation:
    """Learn one person's articulation.

    Args:
        own: (n, g) gestures of the reference. usable: (n,) frames to learn from. speech: the reference's sound with
            phones where known, lined up with its picture; None without sound. times: (n,) middles of the pictures on
            the sound's clock, seconds.
    """
    rows = np.flatnonzero(usable)
    mean, spread = own[rows].mean(axis=0), own[rows].std(axis=0) + 1e-4
    ranks = np.percentile(own[rows], np.linspace(0, 100, 101), axis=0)
    rule = np.eye(len(GESTURES))
    if speech is None:
        return Articulation(mean, spread, ranks, rule, None, None)
    z = (own - mean) / spread
    by_rule = np.zeros_like(z)
    by_phones = None
    if speech.phones:
        wanted = asked(speech.phones, times)
        prior = 100.0  # frames' worth of trust in the general targets
        system = wanted[rows].T @ wanted[rows] + prior * np.eye(len(rule))
        rule = np.linalg.solve(system, wanted[rows].T @ z[rows] + prior * rule)
        by_rule = wanted @ rule
        by_phones = _learned(_inputs(speech, times, sound=False), z, by_rule, rows)
    by_sound = _learned(_inputs(speech, times, sound=True), z, by_rule, rows)
    return Articulation(mean, spread, ranks, rule, by_phones, by_sound)


def _learned(inputs: Array, z: Array, by_rule: Array, rows: NDArray[np.intp]) -> Learned:
    guessed = held_back(inputs, z, rows)
    shares = np.linspace(0, 0.8, 9)  # two opinions are better than the best one
    errors = [(((1 - s) * by_rule[rows] + s * guessed[rows] - z[rows]) ** 2).mean(axis=0) for s in shares]
    return Learned(fit(inputs[rows], z[rows]), shares[np.argmin(errors, axis=0)])


def _inputs(speech: Speech, times: Array, *, sound: bool) -> Array:
    parts = []
    if speech.phones:
        parts += [
            _lagged(asked(speech.phones, times), range(-2, 3, 2)),
            _lagged(classes(speech.phones, times), range(-4, 5, 2)),
            _lagged(nearness(speech.phones, times), range(-2, 3, 2)),
        ]
    if sound:
        heard = gaussian_filter1d(sound_features(at_16k(speech), times), 0.7, axis=0)
        parts.append(_lagged(heard, range(-4, 5, 2)))
    return np.concatenate(parts, axis=1)


def _lagged(values: Array, lags: range) -> Array:
    rows = np.arange(len(values))
    return np.concatenate([values[np.clip(rows + lag, 0, len(values) - 1)] for lag in lags], axis=1)


def at_16k(speech: Speech) -> NDArray[np.float32]:
    """The sound at the rate that perception hears, 16 kHz."""
    if speech.rate == 16_000:
        return speech.samples
    from scipy.signal import resample_poly

    common = gcd(16_000, speech.rate)
    resampled = resample_poly(speech.samples, 16_000 // common, speech.rate // common)
    return np.asarray(resampled, np.float32)
