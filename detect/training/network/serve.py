"""From the torch network to the file that OpenVINO serves: folded layers in half precision, their order, the facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from detect.training.network.model import TAPS, Looker


def write(net: Looker, path: Path, facts: dict[str, float], clips: tuple[NDArray[Any], NDArray[Any]]) -> None:
    """``facts``: slope, offset, farthest. ``clips``: centre and spread of a clip's features."""
    from safetensors.numpy import save_file

    net = net.eval().cpu()
    layers = _Layers()
    trunk: Any = net
    layers.add("stem", trunk.stem, trunk.norm, clamped=True, keep="shortcut")
    for number, stage in enumerate(trunk.stages):
        for i, block in enumerate(stage):
            name = f"{number}.{i}"
            wide = hasattr(block, "conv_pwl")
            if wide:
                layers.add(f"{name}.widen", block.conv_pw, block.bn1, clamped=True)
            layers.add(f"{name}.look", block.conv_dw, block.bn2 if wide else block.bn1, clamped=True)
            last, norm = (block.conv_pwl, block.bn3) if wide else (block.conv_pw, block.bn2)
            layers.add(
                f"{name}.narrow", last, norm, plus="shortcut" if block.has_skip else "", keep="shortcut"
            )
        if number in TAPS:
            layers.layers[-1]["keep"] += f" tap{number}"
    head: Any = net.head
    for number, norm in zip(TAPS, head.norms, strict=True):
        layers.norm(f"norm{number}", norm, start=f"tap{number}", keep=f"seen{number}")
    layers.add("fine", head.fine[0], head.fine[1], clamped=True, start="seen1", keep="fine")
    layers.add("middle", head.middle[0], head.middle[1], clamped=True, start="fine seen2", keep="middle")
    layers.add("joined", head.joined[0], head.joined[1], clamped=True, start="middle seen4")
    layers.add("last", head.last[0], head.last[1], clamped=True)
    arrays = layers.arrays | {
        "centre": np.asarray(clips[0], np.float32),
        "spread": np.asarray(clips[1], np.float32),
        "classifier.weight": head.classifier.weight.detach().numpy(),
        "classifier.bias": head.classifier.bias.detach().numpy(),
    }
    kept = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    metadata = {"facts": json.dumps(facts, sort_keys=True), "layers": json.dumps(layers.layers)}
    save_file(kept, str(path), metadata)
    path.chmod(0o644)


class _Layers:
    """Collects layers as :func:`detect.artifact.network.graph` reads them."""

    def __init__(self) -> None:
        self.arrays: dict[str, NDArray[Any]] = {}
        self.layers: list[dict[str, Any]] = []

    def add(
        self,
        name: str,
        conv: Any,
        norm: Any,
        *,
        clamped: bool = False,
        start: str = "",
        plus: str = "",
        keep: str = "",
    ) -> None:
        """A convolution with its batch normalisation folded in."""
        gain = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
        self.arrays[f"{name}.weight"] = (
            (conv.weight.detach() * gain[:, None, None, None]).numpy().astype(np.float16)
        )
        self.arrays[f"{name}.bias"] = (norm.bias.detach() - norm.running_mean * gain).numpy()
        # timm's trunk pads as TensorFlow does, the head as torch does.
        pad = int(conv.padding[0]) if name in ("fine", "middle", "joined", "last") else -1
        self.layers.append(
            {
                "name": name,
                "stride": int(conv.stride[0]),
                "groups": int(conv.groups),
                "pad": pad,
                "clamped": clamped,
                "start": start,
                "plus": plus,
                "keep": keep,
            }
        )

    def norm(self, name: str, norm: Any, *, start: str, keep: str) -> None:
        """A normalisation alone, as a convolution of one pixel and one channel."""
        gain = 1 / torch.sqrt(norm.running_var + norm.eps)
        self.arrays[f"{name}.weight"] = gain.numpy()[:, None, None, None]
        self.arrays[f"{name}.bias"] = (-norm.running_mean * gain).numpy()
        self.layers.append(
            {"name": name, "stride": 1, "groups": len(gain), "pad": 0, "clamped": False, "start": start}
            | {"plus": "", "keep": keep}
        )
