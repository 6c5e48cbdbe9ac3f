"""Who it looks and sounds like: dlib's face embedding and the GE2E voice embedding.

Templates of persons are personal data: whoever keeps one declares it; nothing here does.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from core.heartbeat import beat
from core.media.heard import Listening, blocks
from core.weights import weight_file

# Mesh points at dlib's five: outer and inner corner of the left eye (right in the picture), of the right eye,
# and the base of the nose. Then the embedder gets the chip that it was trained on, without a second detector.
DLIB_FIVE = (263, 362, 33, 133, 2)

RATE = 16_000
WINDOW_SECONDS = 1.6  # the embedder was trained on this length
STEP_SECONDS = 0.4
HOP = RATE // 100  # samples that are voiced or not
AT_ONCE = 64  # windows

Samples = NDArray[np.float32]


def face_embedding(image: NDArray[np.uint8], landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """128 numbers of dlib's face recognition ResNet; compare by Euclidean distance (about .6 parts persons).

    Args:
        image: uint8 BGR (H, W, 3).
        landmarks: float32 (478, 2 or 3) mesh points in pixels of that picture.
    """
    beat()
    dlib, network = _dlib()
    # A small part of the picture around the face: dlib copies what it is given.
    height, width = image.shape[:2]
    low, high = landmarks[:, :2].min(axis=0), landmarks[:, :2].max(axis=0)
    pad = float((high - low).max())
    x0, y0 = (max(0, int(v - pad)) for v in low)
    x1, y1 = min(width, int(high[0] + pad)), min(height, int(high[1] + pad))
    if x1 - x0 < 8 or y1 - y0 < 8:
        raise ValueError("the face lies outside the picture")
    part = np.ascontiguousarray(image[y0:y1, x0:x1, ::-1])
    points = [
        dlib.point(round(float(landmarks[i, 0]) - x0), round(float(landmarks[i, 1]) - y0)) for i in DLIB_FIVE
    ]
    shape = dlib.full_object_detection(dlib.rectangle(0, 0, x1 - x0, y1 - y0), points)
    chip = dlib.get_face_chip(part, shape, size=150, padding=0.25)
    return np.array(network.compute_face_descriptor(chip), dtype=np.float32)


def voice_embedding(samples16k: Listening) -> NDArray[np.float32]:
    """256 numbers of the GE2E speaker embedder, unit length; compare by dot product.

    Args:
        samples16k: mono at 16 kHz, float32 (n,) or what is read in slices.

    Raises:
        ValueError: less than half a second of voice.
    """
    _, embeddings = voice_windows(samples16k)
    if len(embeddings) == 0:
        raise ValueError("less than half a second of voice")
    mean = embeddings.mean(axis=0)
    return np.asarray(mean / np.linalg.norm(mean), dtype=np.float32)


def voice_windows(
    samples16k: Listening, step: float = STEP_SECONDS
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The voice over time: pauses are cut out, then one embedding each ``step`` seconds of voice.

    Read in blocks: an hour takes no more memory than a minute, but for the embeddings.

    Returns:
        seconds (m,), the middle of each window on the time axis of the sound; embeddings float32 (m, 256).
    """
    import torch

    hops, level = _voiced(samples16k)
    if len(hops) * HOP < RATE // 2:
        return np.empty(0), np.empty((0, 256), np.float32)
    gain = np.float32(max(1.0, 10 ** (-30 / 20) / max(level, 1e-9)))  # trained at -30 dBFS or louder
    size, apart = int(WINDOW_SECONDS * RATE) // HOP, max(1, round(step * RATE / HOP))
    if len(hops) < size:  # loop a short utterance instead of padding it with silence
        hops = np.resize(hops, size)
    starts = np.arange(0, len(hops) - size + 1, apart)
    out = []
    for some in np.array_split(starts, -(-len(starts) // AT_ONCE)):
        beat()
        # Two hops more at either side: a frame of the spectrogram reaches beyond its hop.
        first, end = max(0, some[0] - 2), min(len(hops), some[-1] + size + 2)
        mel = _mel(_said(samples16k, hops[first:end]) * gain)
        batch = np.stack([mel[start - first : start - first + size] for start in some])
        with torch.inference_mode():
            out.append(_ge2e()(torch.from_numpy(batch)).numpy())
    return hops[starts + size // 2] * HOP / RATE, np.concatenate(out).astype(np.float32)


def _said(sound: Listening, hops: NDArray[np.int64]) -> Samples:
    """The samples of these hops, one after the other."""
    runs = np.split(hops, np.flatnonzero(np.diff(hops) != 1) + 1)
    return np.concatenate([sound[int(run[0]) * HOP : (int(run[-1]) + 1) * HOP] for run in runs])


def _voiced(sound: Listening) -> tuple[NDArray[np.int64], float]:
    """The hops in which somebody speaks, and their RMS.

    Energy against the clip's own loud parts; pauses up to 0.2 s are kept.
    """
    powers = [
        np.square(block[: len(block) // HOP * HOP], dtype=np.float64).reshape(-1, HOP).mean(axis=1)
        for block in blocks(sound)
    ]
    power = np.concatenate(powers) if powers else np.empty(0)
    if len(power) == 0:
        return np.empty(0, np.int64), 0.0
    level = 10 * np.log10(power + 1e-12)
    speaking = level > max(float(np.percentile(level, 95)) - 30.0, -60.0)
    speaking = cv2.dilate(speaking.astype(np.uint8), np.ones((21, 1), np.uint8))[:, 0].astype(bool)
    hops = np.flatnonzero(speaking)
    return hops, float(np.sqrt(power[hops].mean())) if len(hops) else 0.0


def _mel(samples: Samples) -> NDArray[np.float32]:
    """float32 (frames, 40): mel power spectrogram, 25 ms windows each 10 ms, centred, Slaney scale and areas."""
    size, hop = 400, 160
    padded = np.pad(samples, size // 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)
    out = []
    for part in np.array_split(windows, max(1, len(windows) // 4096)):
        out.append((np.abs(np.fft.rfft(part * hann, axis=1)) ** 2) @ _filters().T)
    return np.asarray(np.concatenate(out), dtype=np.float32)


@lru_cache(maxsize=1)
def _filters() -> NDArray[np.float64]:
    """(40, 201) triangles on Slaney's mel scale (linear to 1 kHz, logarithmic above), each of unit area."""

    def to_hz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.where(mel < 15, 200.0 / 3 * mel, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))

    top = 15 + 27 * np.log(8000 / 1000) / np.log(6.4)
    edges = to_hz(np.linspace(0.0, top, 42))
    hz = np.linspace(0, 8000, 201)
    up = (hz[None] - edges[:-2, None]) / np.diff(edges)[:-1, None]
    down = (edges[2:, None] - hz[None]) / np.diff(edges)[1:, None]
    return np.asarray(np.clip(np.minimum(up, down), 0, None) * (2 / (edges[2:] - edges[:-2]))[:, None])


@lru_cache(maxsize=1)
def _ge2e() -> Any:
    """Three LSTM layers, a projection, ReLU, unit length (Wan et al., arXiv 1710.10467)."""
    import torch
    from torch import nn

    class Embedder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = nn.LSTM(40, 256, 3, batch_first=True)
            self.linear = nn.Linear(256, 256)

        def forward(self, mels: torch.Tensor) -> torch.Tensor:
            _, (hidden, _) = self.lstm(mels)
            return nn.functional.normalize(torch.relu(self.linear(hidden[-1])), dim=1)

    # weights_only: a pickle from a stranger may hold tensors and nothing else.
    state = torch.load(weight_file("resemblyzer-ge2e"), map_location="cpu", weights_only=True)["model_state"]
    network = Embedder()
    network.load_state_dict({key: value for key, value in state.items() if not key.startswith("similarity")})
    return network.eval()


@lru_cache(maxsize=1)
def _dlib() -> tuple[Any, Any]:
    import dlib

    return dlib, dlib.face_recognition_model_v1(str(weight_file("dlib-face-embedder")))
