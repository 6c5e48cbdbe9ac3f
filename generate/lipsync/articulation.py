"""From speech to gestures: the phoneme rule, and what this person's own clip says about it.

Two estimates of each gesture: the rule's, mapped by rank onto the person's own distribution; and a ridge regression
on phones and sound, fitted on the reference. They are mixed as cross-validation on the reference says. Then what must
be so is made so: closures of p, b, m; the lower lip at the teeth for f, v.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from generate.lipsync.shape import APERTURE, GESTURES, WIDTH
from generate.lipsync.speech import CLOSED, TUCKED, asked, classes, held, sound_features
from generate.models import Speech

Array = NDArray[np.float64]
_FOLDS = 5


@dataclass(frozen=True)
class Articulation:
    """One person's way of speaking.

    Attributes:
        mean (g,), spread (g,): of the gestures. ranks (101, g): percentiles of each gesture.
        rule (4, g): gestures' z-scores from the rule's open and wide (and bias and open squared).
        weights (f, g), input_mean (f,), input_spread (f,): of the ridge regression; empty without sound.
        mix (g,): share of the regression, 0..1.
        with_phones: whether the regression was fitted with phones.
    """

    mean: Array
    spread: Array
    ranks: Array
    rule: Array
    weights: Array
    input_mean: Array
    input_spread: Array
    mix: Array
    with_phones: bool

    def predict(self, speech: Speech, fps: float, frames: int) -> Array:
        """(frames, g) gestures in inter-eye distances for pictures at n / fps."""
        times = (np.arange(frames) + 0.5) / fps
        wanted = asked(speech.phones, times)
        z = _rule_inputs(wanted) @ self.rule
        if self.weights.size:
            inputs = (_inputs(speech, times, self.with_phones) - self.input_mean) / self.input_spread
            z = (1 - self.mix) * z + self.mix * (inputs @ self.weights)
        out = self.mean + z * self.spread
        out[:, APERTURE] = self._on_own_range(out[:, APERTURE], APERTURE)
        return self._kept(out, speech, times)

    def _on_own_range(self, values: Array, gesture: int) -> Array:
        """Averaging makes small movements; give them the person's own reach again, by rank."""
        if len(values) < 25:
            return values
        own = self.ranks[:, gesture]
        order = np.linspace(0, 100, 101)
        ranked = np.interp(values, np.percentile(values, order), own)
        return 0.5 * values + 0.5 * ranked

    def _kept(self, out: Array, speech: Speech, times: Array) -> Array:
        closed = held(speech.phones, times, CLOSED)
        shut = self.ranks[3, APERTURE]
        out[:, APERTURE] = np.where(
            closed > 0, np.minimum(out[:, APERTURE], _mixed(out[:, APERTURE], shut, closed)), out[:, APERTURE]
        )
        tucked = held(speech.phones, times, TUCKED)
        low = self.ranks[15, APERTURE]
        out[:, APERTURE] = np.minimum(out[:, APERTURE], _mixed(out[:, APERTURE], low, tucked))
        return np.clip(out, self.ranks[0], self.ranks[100])


def _mixed(values: Array, target: float, share: Array) -> Array:
    return (1 - share) * values + share * np.minimum(values, target)


def _rule_inputs(wanted: Array) -> Array:
    opened, wide = wanted.T
    return np.stack([np.ones_like(opened), opened, opened**2, wide], axis=1)


def _lagged(values: Array, lags: range) -> Array:
    n = len(values)
    rows = np.arange(n)
    return np.concatenate([values[np.clip(rows + lag, 0, n - 1)] for lag in lags], axis=1)


def _inputs(speech: Speech, times: Array, with_phones: bool) -> Array:
    sound = gaussian_filter1d(sound_features(at_16k(speech), times), 0.7, axis=0)
    parts = [_lagged(sound, range(-4, 5, 2))]
    if with_phones:
        parts.append(_lagged(asked(speech.phones, times), range(-2, 3, 2)))
        parts.append(_lagged(classes(speech.phones, times), range(-4, 5, 2)))
    return np.concatenate(parts, axis=1)


def at_16k(speech: Speech) -> NDArray[np.float32]:
    """The sound at the rate that perception hears, 16 kHz."""
    if speech.rate == 16_000:
        return speech.samples
    from math import gcd

    from scipy.signal import resample_poly

    common = gcd(16_000, speech.rate)
    resampled: NDArray[np.float32] = resample_poly(speech.samples, 16_000 // common, speech.rate // common)
    return resampled.astype(np.float32)


def fit_articulation(
    own: Array, usable: NDArray[np.bool_], speech: Speech | None, fps: float
) -> Articulation:
    """Learn one person's articulation.

    Args:
        own: (n, g) gestures of the reference. usable: (n,) frames to learn from. speech: the reference's sound with
            phones where known, lined up with its picture; None without sound. fps: of the reference.
    """
    known = own[usable]
    mean, spread = known.mean(axis=0), known.std(axis=0) + 1e-4
    ranks = np.percentile(known, np.linspace(0, 100, 101), axis=0)
    times = (np.arange(len(own)) + 0.5) / fps
    z = (own - mean) / spread
    rule = _general_rule()
    empty = np.zeros((0, len(GESTURES)))
    nothing = Articulation(
        mean, spread, ranks, rule, empty, np.zeros(0), np.ones(0), np.zeros(len(GESTURES)), False
    )
    if speech is None:
        return nothing
    with_phones = bool(speech.phones)
    rows = np.flatnonzero(usable)
    if with_phones:
        wanted = _rule_inputs(asked(speech.phones, times))
        prior = 50.0
        a = wanted[rows].T @ wanted[rows] + prior * np.eye(4)
        rule = np.linalg.solve(a, wanted[rows].T @ z[rows] + prior * rule)
    inputs = _inputs(speech, times, with_phones)
    input_mean, input_spread = inputs[rows].mean(axis=0), inputs[rows].std(axis=0) + 1e-3
    x = (inputs - input_mean) / input_spread
    strength = 0.5 * x.shape[1]
    predicted = np.zeros_like(z)
    for fold in np.array_split(rows, _FOLDS):
        others = np.setdiff1d(rows, np.arange(fold[0] - 12, fold[-1] + 13))
        predicted[fold] = x[fold] @ _ridge(x[others], z[others], strength)
    by_rule = (_rule_inputs(asked(speech.phones, times)) @ rule) if with_phones else np.zeros_like(z)
    mix = np.ones(len(GESTURES)) if not with_phones else _best_mix(by_rule[rows], predicted[rows], z[rows])
    weights = _ridge(x[rows], z[rows], strength)
    return Articulation(mean, spread, ranks, rule, weights, input_mean, input_spread, mix, with_phones)


def _ridge(x: Array, z: Array, strength: float) -> Array:
    solved: Array = np.linalg.solve(x.T @ x + strength * np.eye(x.shape[1]), x.T @ z)
    return solved


def _best_mix(a: Array, b: Array, truth: Array) -> Array:
    shares = np.linspace(0, 1, 11)
    errors = np.stack([(((1 - s) * a + s * b - truth) ** 2).mean(axis=0) for s in shares])
    best: Array = shares[errors.argmin(axis=0)]
    return best


def _general_rule() -> Array:
    """z-scores of the gestures for (1, open, open squared, wide): used alone where a clip teaches nothing."""
    rule = np.zeros((4, len(GESTURES)))
    rule[:, APERTURE] = (-1.4, 3.0, 0.5, 0.0)
    rule[:, WIDTH] = (0.0, 0.0, 0.0, 1.2)
    return rule
