"""The networks that were tried on aligned face crops, and the one loop that trains them.

- ``lite``: EfficientNet-Lite0, begun from its ImageNet weights (registry entry ``efficientnet-lite0-imagenet``);
  its first three stages stay as they are, which halves the cost of a step.
- ``xception``: Xception's blocks (Chollet, CVPR 2017) at a quarter of the width, from scratch: 0.4 M parameters.
  No ImageNet weights of Xception ship in any registry package.
- ``vit``: a vision transformer (patch 14, width 128, depth 6) on 112 px, from scratch: 1.3 M parameters.

All take RGB crops in -1..1 and give logits. torch is the reference; ONNX is what the gates run.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import core.torchvision_fallback  # noqa: F401  (before timm)

SIDES = {"lite": 128, "xception": 112, "vit": 112}
STORED = 160  # side of the crops that the builders store


def make(name: str, classes: int, imagenet: Path | None = None) -> nn.Module:
    """An untrained (or ImageNet-begun) network with ``classes`` logits."""
    if name == "lite":
        import timm

        net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        if imagenet is not None:
            stored = torch.load(imagenet, map_location="cpu", weights_only=True)
            # The file's layers come in timm's order under other names.
            own = net.state_dict()
            pairs = zip(own, stored.values(), strict=True)
            net.load_state_dict({key: value.reshape(own[key].shape) for key, value in pairs})
        net.reset_classifier(classes)
        for part in (net.conv_stem, net.bn1, *net.blocks[:3]):
            part.requires_grad_(False)
        return nn.Sequential(net)
    if name == "xception":
        return _xception(classes)
    if name == "vit":
        from timm.models.vision_transformer import VisionTransformer

        vit: nn.Module = VisionTransformer(
            img_size=112,
            patch_size=14,
            embed_dim=128,
            depth=6,
            num_heads=4,
            num_classes=classes,
            drop_path_rate=0.1,
        )
        return vit
    raise KeyError(name)


def _xception(classes: int) -> nn.Module:
    from timm.models.xception import Block

    return nn.Sequential(
        nn.Conv2d(3, 24, 3, 2, 1, bias=False),
        nn.BatchNorm2d(24),
        nn.ReLU(inplace=True),
        nn.Conv2d(24, 48, 3, 1, 1, bias=False),
        nn.BatchNorm2d(48),
        nn.ReLU(inplace=True),
        Block(48, 96, 2, strides=2, start_with_relu=False),
        Block(96, 192, 2, strides=2),
        Block(192, 192, 2, strides=1),
        Block(192, 192, 2, strides=1),
        Block(192, 320, 2, strides=2, grow_first=False),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.2),
        nn.Linear(320, classes),
    )


def prepare(crops: NDArray[np.uint8], side: int, rng: np.random.Generator | None = None) -> torch.Tensor:
    """(b, STORED, STORED, 3) BGR -> (b, 3, side, side) float32 RGB in -1..1; moved, flipped and tinted with ``rng``."""
    window = min(STORED, round(144 * STORED / 160))
    out = np.empty((len(crops), side, side, 3), np.float32)
    for i, crop in enumerate(crops):
        slack = STORED - window
        x, y = (slack // 2, slack // 2) if rng is None else (int(v) for v in rng.integers(0, slack + 1, 2))
        part: Any = crop[y : y + window, x : x + window]
        if rng is not None and rng.random() < 0.5:
            part = part[:, ::-1]
        if side != window:
            part = cv2.resize(np.ascontiguousarray(part), (side, side), interpolation=cv2.INTER_AREA)
        out[i] = part
    if rng is not None:
        gain = rng.uniform(0.85, 1.15, (len(crops), 1, 1, 1)) * rng.uniform(0.95, 1.05, (len(crops), 1, 1, 3))
        out = np.clip(out * gain.astype(np.float32) + rng.uniform(-12, 12, (len(crops), 1, 1, 1)), 0, 255)
    rgb = np.ascontiguousarray(out[..., ::-1].transpose(0, 3, 1, 2), np.float32)
    return torch.from_numpy(rgb / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def train(
    net: nn.Module,
    crops: NDArray[np.uint8],
    labels: NDArray[np.int64],
    weights: NDArray[np.float32],
    side: int,
    *,
    epochs: int,
    rate: float,
    seed: int,
    batch: int = 32,
    seconds: float = 1e9,
    after: Callable[[int, nn.Module], None] | None = None,
) -> nn.Module:
    """AdamW with one cosine cycle, label smoothing .05, ends early (on schedule) after ``seconds`` of CPU time.

    Args:
        crops: (n, STORED, STORED, 3) uint8 BGR. labels: (n,). weights: (n,) how often a crop is drawn, relatively.
        after: called after each epoch.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    steps = epochs * (len(crops) // batch)
    net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=rate, weight_decay=0.03)
    loss_of = nn.CrossEntropyLoss(label_smoothing=0.05)
    chance = weights / weights.sum()
    started, shown, total = time.process_time(), 0.0, 0.0
    done = 0.0  # share of the schedule, by steps or by time, whichever is further
    step = 0
    while done < 1:
        rows = rng.choice(len(crops), batch, p=chance)
        warm = min(1.0, (step + 1) / 60)
        for group in optimiser.param_groups:
            group["lr"] = rate * warm * (0.02 + 0.98 * 0.5 * (1 + np.cos(np.pi * done)))
        net.train()
        for part in net.modules():
            own = list(part.parameters())
            if own and not any(parameter.requires_grad for parameter in own):
                part.eval()  # frozen layers keep their statistics too
        loss = loss_of(net(prepare(crops[rows], side, rng)), torch.from_numpy(labels[rows]))
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learning, 2.0)
        optimiser.step()
        total += float(loss.detach())
        step += 1
        done = max(step / max(steps, 1), (time.process_time() - started) / seconds)
        if time.process_time() - shown > 20:
            shown = time.process_time()
            sys.stderr.write(f"step {step} of {steps}, {done:.0%}, mean loss {total / step:.3f}\n")
        if after is not None and step % max(len(crops) // batch, 1) == 0:
            after(step, net)
    return net.eval()


@torch.no_grad()
def predict(net: nn.Module, crops: NDArray[np.uint8], side: int, batch: int = 64) -> NDArray[np.float64]:
    """(n, classes) probabilities, by torch."""
    net.eval()
    parts = [torch.softmax(net(prepare(crops[i : i + batch], side)), 1) for i in range(0, len(crops), batch)]
    return np.asarray(torch.cat(parts).double().numpy())


def export(net: nn.Module, side: int, path: Path) -> None:
    """Write ONNX with the softmax inside and weights in half precision (half the bytes, the same answers)."""
    import onnx
    from onnx import numpy_helper

    net = nn.Sequential(net.eval(), nn.Softmax(dim=1))
    example = torch.zeros(1, 3, side, side)
    torch.onnx.export(
        net,
        (example,),
        str(path),
        input_names=["crops"],
        output_names=["probabilities"],
        dynamic_axes={"crops": {0: "n"}, "probabilities": {0: "n"}},
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(str(path))
    nodes, kept = [], []
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.size > 64:
            half = numpy_helper.from_array(values.astype(np.float16), tensor.name + "_half")
            kept.append(half)
            nodes.append(onnx.helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT))
        else:
            kept.append(tensor)
    del model.graph.initializer[:]
    model.graph.initializer.extend(kept)
    for node in reversed(nodes):
        model.graph.node.insert(0, node)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))
