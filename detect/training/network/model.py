"""The network: the first five stages of EfficientNet-Lite0 and a head that sees three of them, down to a stride of 4.

What betrays a paste is local and fine, so the head joins the early stages instead of reading the last one. The trunk
can stay as ImageNet left it (its answers are then stored once, and the head alone is trained: hours of a CPU become
minutes) or learn along (``fit``). The last layer begins at zero.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

import core.torchvision_fallback  # noqa: F401  (before timm)
from detect.artifact.network import CLASSES

FEATURES = 192
TAPS = {1: 24, 2: 40, 4: 112}  # stage: channels, at strides 4, 8 and 16


class Head(nn.Module):
    """Three taps in; logits and pooled features out."""

    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(channels, affine=False) for channels in TAPS.values()])
        self.fine = _layer(24, 32, 2, stride=2, pad=0)
        self.middle = _layer(32 + 40, 64, 3, stride=2, pad=1)
        self.joined = _layer(64 + 112, 128, 1, stride=1, pad=0)
        self.last = _layer(128, 96, 3, stride=1, pad=1)
        self.drop = nn.Dropout(0.2)
        self.classifier = nn.Linear(FEATURES, len(CLASSES))
        nn.init.zeros_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, taps: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
        a, b, c = (
            norm(tap.contiguous(memory_format=torch.channels_last))
            for norm, tap in zip(self.norms, taps, strict=True)
        )
        seen = self.middle(torch.cat([self.fine(a), b], 1))
        seen = self.last(self.joined(torch.cat([seen, c], 1)))
        features = torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1)
        return self.classifier(self.drop(features)), features


class Looker(nn.Module):
    """Trunk and head: (n, 3, WINDOW, WINDOW) RGB in -1..1 -> logits (n, classes) and features (n, f)."""

    def __init__(self, imagenet: Path | None = None) -> None:
        super().__init__()
        import timm

        net: Any = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        if imagenet is not None:
            net.load_state_dict(by_name(torch.load(imagenet, map_location="cpu", weights_only=True)))
        self.stem, self.norm = net.conv_stem, net.bn1
        self.stages = nn.ModuleList(list(net.blocks)[: max(TAPS) + 1])
        self.head = Head()

    def taps(self, views: torch.Tensor) -> list[torch.Tensor]:
        """What the head sees."""
        at, out = self.norm(self.stem(views)), []
        for number, stage in enumerate(self.stages):
            at = stage(at)
            if number in TAPS:
                out.append(at)
        return out

    def forward(self, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        answer: tuple[torch.Tensor, torch.Tensor] = self.head(self.taps(views))
        return answer


class Whole(nn.Module):
    """A timm classifier in the same shape: ``xception`` from scratch, for comparison."""

    def __init__(self, name: str) -> None:
        super().__init__()
        import timm

        self.net: Any = timm.create_model(name, pretrained=False, num_classes=len(CLASSES))
        nn.init.zeros_(self.net.get_classifier().weight)
        nn.init.zeros_(self.net.get_classifier().bias)

    def forward(self, views: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        features = self.net.forward_head(self.net.forward_features(views), pre_logits=True)
        return self.net.get_classifier()(features), features


def make(name: str, imagenet: Path | None = None) -> nn.Module:
    """``lite`` or ``xception``, untrained, or begun from ImageNet's weights."""
    return Looker(imagenet) if name == "lite" else Whole("legacy_xception")


def by_name(stored: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The ImageNet file's names as timm writes them: ``_blocks.3._bn1.bias`` is ``blocks.2.0.bn2.bias``."""
    repeats = (1, 2, 2, 3, 3, 4, 1)
    places = [(stage, i) for stage, count in enumerate(repeats) for i in range(count)]
    top = {
        "_conv_stem": "conv_stem",
        "_bn0": "bn1",
        "_conv_head": "conv_head",
        "_bn1": "bn2",
        "_fc": "classifier",
    }
    first = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    later = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
    later |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
    out = {}
    for key, value in stored.items():
        parts = key.split(".")
        if parts[0] == "_blocks":
            stage, i = places[int(parts[1])]
            name = (later if int(parts[1]) else first)[parts[2]]
            out[f"blocks.{stage}.{i}.{name}.{parts[3]}"] = value
        else:
            out[".".join([top[parts[0]], *parts[1:]])] = value
    return out


def _layer(inside: int, outside: int, kernel: int, *, stride: int, pad: int) -> nn.Sequential:
    conv = nn.Conv2d(inside, outside, kernel, stride, pad, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outside), nn.ReLU6(inplace=True))
