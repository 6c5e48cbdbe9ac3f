"""From the torch network to the file that the gate reads: folded layers in half precision, their order, the facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn


class Served(nn.Module):
    """The reference: logits, and the pooled features that they are made of."""

    def __init__(self, net: Any) -> None:
        super().__init__()
        self.net = net

    def forward(self, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.net.forward_head(self.net.forward_features(views), pre_logits=True)
        return self.net.get_classifier()(features), features


def write(net: Any, path: Path, facts: dict[str, float], clips: tuple[NDArray[Any], NDArray[Any]]) -> None:
    """``net``: an EfficientNet-Lite0. ``facts``: slope, offset, farthest. ``clips``: centre and spread of features."""
    from safetensors.numpy import save_file

    arrays: dict[str, NDArray[Any]] = {
        "centre": np.asarray(clips[0], np.float32),
        "spread": np.asarray(clips[1], np.float32),
        "classifier.weight": net.classifier.weight.detach().numpy().astype(np.float16),
        "classifier.bias": net.classifier.bias.detach().numpy(),
    }
    layers: list[list[Any]] = []

    def add(name: str, conv: Any, norm: Any, clamped: bool, after: str = "") -> None:
        gain = norm.weight.detach() / torch.sqrt(norm.running_var + norm.eps)
        arrays[f"{name}.weight"] = (
            (conv.weight.detach() * gain[:, None, None, None]).numpy().astype(np.float16)
        )
        arrays[f"{name}.bias"] = (norm.bias.detach() - norm.running_mean * gain).numpy()
        layers.append([name, int(conv.stride[0]), int(conv.groups), clamped, after])

    net = net.eval().cpu()
    add("stem", net.conv_stem, net.bn1, True, "open")
    for i, block in enumerate(part for stage in net.blocks for part in stage):
        after = "close open" if block.has_skip else "open"
        if hasattr(block, "conv_pwl"):
            add(f"{i}.widen", block.conv_pw, block.bn1, True)
            add(f"{i}.look", block.conv_dw, block.bn2, True)
            add(f"{i}.narrow", block.conv_pwl, block.bn3, False, after)
        else:
            add(f"{i}.look", block.conv_dw, block.bn1, True)
            add(f"{i}.narrow", block.conv_pw, block.bn2, False, after)
    add("head", net.conv_head, net.bn2, True)
    kept = {key: np.ascontiguousarray(value) for key, value in arrays.items()}
    save_file(kept, str(path), {"facts": json.dumps(facts, sort_keys=True), "layers": json.dumps(layers)})
    path.chmod(0o644)
