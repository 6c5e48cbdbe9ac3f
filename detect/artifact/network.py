"""The network that looks at a face at its own scale, served by OpenVINO on one thread.

torch (``detect.training.network``) is the reference; a test holds the two together. The file is safetensors with
weights in half precision, batch normalisation folded in; the graph is built from its list of layers. No gate asks it
yet: `detect/weights/authenticity-network.md` says why.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detect.artifact.crop import WINDOW, windows
from detect.artifact.geometry import Image, Points

CLASSES = ("camera", "pasted", "generated")


@dataclass(frozen=True)
class Facts:
    """Calibration of a clip's score, and what the training clips looked like to the network.

    Attributes:
        slope, offset: logistic calibration of the mean log odds.
        centre, spread: (features,) of clip means in training.
        farthest: 99 % of held-out clips are nearer.
    """

    slope: float
    offset: float
    centre: NDArray[np.float32]
    spread: NDArray[np.float32]
    farthest: float

    def probability(self, odds: float) -> float:
        """0..1 of the mean log odds of a clip's looks."""
        return float(1 / (1 + np.exp(-(self.slope * odds + self.offset))))

    def distance(self, features: NDArray[np.float32]) -> float:
        """Root mean square of the clip's mean features, in spreads of the training clips."""
        z = np.clip((features.mean(axis=0) - self.centre) / self.spread, -20, 20)
        return float(np.sqrt(np.mean(z**2)))


class FaceNetwork:
    """Crops in; log odds of a fake, class probabilities and features out."""

    def __init__(self, path: Path) -> None:
        import openvino
        from safetensors import safe_open

        with safe_open(str(path), framework="np") as file:
            metadata = file.metadata()
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  (no iterator of its own)
        scalars = json.loads(metadata["facts"])
        self.facts = Facts(
            slope=float(scalars["slope"]),
            offset=float(scalars["offset"]),
            centre=np.asarray(arrays.pop("centre"), np.float32),
            spread=np.asarray(arrays.pop("spread"), np.float32),
            farthest=float(scalars["farthest"]),
        )
        settings = {
            "INFERENCE_NUM_THREADS": 1,
            "NUM_STREAMS": 1,
            "INFERENCE_PRECISION_HINT": "f32",
            "ENABLE_CPU_PINNING": False,
        }
        model = graph(arrays, json.loads(metadata["layers"]))
        self._network: Any = openvino.Core().compile_model(model, "CPU", settings)

    def look(self, crop: Image, points: Points) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean logits (classes,) and mean features (f,) over the windows of one crop."""
        logits, features = self.windows(windows(crop, points))
        return logits.mean(axis=0), features.mean(axis=0)

    def windows(self, views: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """(n, classes) logits and (n, f) features of (n, WINDOW, WINDOW, 3) BGR windows."""
        answer = self._network(network_input(views))
        return np.array(answer[0], np.float32), np.array(answer[1], np.float32)


def graph(arrays: dict[str, NDArray[Any]], layers: list[dict[str, Any]]) -> Any:
    """The OpenVINO model of a list of convolutions, which is all that the network is.

    Args:
        arrays: ``<layer>.weight`` and ``<layer>.bias`` of each layer, batch normalisation folded in.
        layers: in order: ``name``, ``stride``, ``groups``, ``pad`` (-1: as TensorFlow's SAME), whether ReLU6 follows
            (``clamped``), the kept answers that it starts from (``start``; none: the layer before), the kept
            answer that is added (``plus``), the names that its own is kept under (``keep``).
    """
    import openvino
    from openvino import opset13 as ops

    views = ops.parameter([-1, 3, WINDOW, WINDOW], np.float32, name="views")
    kept: dict[str, Any] = {}
    at: Any = views
    for layer in layers:
        name, groups, pad = layer["name"], layer["groups"], max(layer["pad"], 0)
        starts = [kept[key] for key in layer["start"].split()]
        at = ops.concat(starts, 1) if len(starts) > 1 else starts[0] if starts else at
        weight = np.asarray(arrays[f"{name}.weight"], np.float32)
        way = "same_upper" if layer["pad"] < 0 else "explicit"
        about = ([layer["stride"]] * 2, [pad, pad], [pad, pad], [1, 1], way)
        if groups > 1:
            weight = weight.reshape(groups, weight.shape[0] // groups, *weight.shape[1:])
            at = ops.group_convolution(at, ops.constant(weight), *about)
        else:
            at = ops.convolution(at, ops.constant(weight), *about)
        at = ops.add(at, ops.constant(np.asarray(arrays[f"{name}.bias"], np.float32).reshape(1, -1, 1, 1)))
        if layer["clamped"]:
            at = ops.clamp(at, 0.0, 6.0)
        if layer["plus"]:
            at = ops.add(at, kept[layer["plus"]])
        kept |= dict.fromkeys(layer["keep"].split(), at)
    places = ops.constant(np.array([2, 3], np.int64))
    features = ops.concat([ops.reduce_mean(at, places, False), ops.reduce_max(at, places, False)], 1)
    head = ops.constant(np.asarray(arrays["classifier.weight"], np.float32))
    offset = ops.constant(np.asarray(arrays["classifier.bias"], np.float32).reshape(1, -1))
    logits = ops.add(ops.matmul(features, head, False, True), offset)
    return openvino.Model([logits, features], [views], "face network")


def network_input(views: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(n, 3, side, side) float32 RGB in -1..1 of (n, side, side, 3) BGR."""
    rgb = views[..., ::-1].transpose(0, 3, 1, 2).astype(np.float32)
    return np.ascontiguousarray(rgb / np.float32(127.5) - np.float32(1))


def log_odds(logits: NDArray[Any]) -> NDArray[np.float64]:
    """(n,) log odds that a look is no camera's, of (n, classes) logits."""
    values = np.asarray(logits, np.float64)
    return np.asarray(np.logaddexp(values[:, 1], values[:, 2]) - values[:, 0])


def probabilities(logits: NDArray[Any]) -> NDArray[np.float64]:
    """(n, classes); each row adds up to one."""
    values = np.asarray(logits, np.float64)
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


@lru_cache(maxsize=2)
def network(path: Path) -> FaceNetwork:
    """The compiled network, one a process."""
    return FaceNetwork(path)
