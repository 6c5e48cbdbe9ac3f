"""The training loop: EfficientNet-Lite0 from its ImageNet weights, or Xception from scratch, on pairs of views.

Seeded, resumable at any step, on a CPU or a GPU, in one process or several (``torchrun``: gradients are averaged). The
last layer begins at zero, so that the first steps do not shake the features. What is kept are the running averages
of the weights.
"""

from __future__ import annotations

import math
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

import core.torchvision_fallback  # noqa: F401  (before timm)
from core.weights import weight_file
from detect.training.network.crops import Faces
from detect.training.network.pairs import CLASSES, Pairs

RATE, DECAY, WARM, AVERAGE = 7e-4, 0.02, 40, 0.99
SAVE = 50  # steps


def make(name: str, imagenet: Path | None = None) -> nn.Module:
    """``lite`` (stem and first block stay as ImageNet left them) or ``xception``, three logits that start at zero."""
    import timm

    if name == "xception":
        net: Any = timm.create_model("legacy_xception", pretrained=False, num_classes=len(CLASSES))
    else:
        net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
        if imagenet is not None:
            stored = torch.load(imagenet, map_location="cpu", weights_only=True)
            net.load_state_dict(by_name(stored))
        net.reset_classifier(len(CLASSES))
        for part in (net.conv_stem, net.bn1, net.blocks[0]):
            part.requires_grad_(False)
    nn.init.zeros_(net.get_classifier().weight)
    nn.init.zeros_(net.get_classifier().bias)
    whole: nn.Module = net
    return whole


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


def fit(faces: Faces, folder: Path, name: str, *, steps: int, seconds: float, seed: int = 1) -> bool:
    """Go on from ``folder``'s checkpoint for at most ``seconds``; True once ``steps`` steps are done."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    net = make(name, weight_file("efficientnet-lite0-imagenet") if name == "lite" else None)
    net.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    learning = [parameter for parameter in net.parameters() if parameter.requires_grad]
    optimiser = torch.optim.AdamW(learning, lr=RATE, weight_decay=DECAY)
    average = {key: value.detach().clone() for key, value in net.state_dict().items()}
    file = folder / f"{name}.pt"
    step, loss_mean = 0, math.log(len(CLASSES))
    if file.exists():
        saved = torch.load(file, map_location=device, weights_only=True)
        net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
        average, step, loss_mean = saved["average"], saved["step"], saved["loss"]
    batches = torch.utils.data.DataLoader(
        Pairs(faces, seed * 1000 + rank),
        batch_size=None,
        sampler=range(step, steps),
        num_workers=12 if device.type == "cuda" else 1,
        prefetch_factor=4,
    )
    started = time.monotonic()
    for views, labels in batches:
        _rate(optimiser, step, steps)
        _train_mode(net)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits = net(views.to(device, non_blocking=True, memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), labels.to(device), label_smoothing=0.03)
        optimiser.zero_grad()
        loss.backward()
        if world > 1:
            _share(learning, world)
        nn.utils.clip_grad_norm_(learning, 2.0)
        optimiser.step()
        step += 1
        _follow(average, net, min(AVERAGE, step / (step + 10)))
        loss_mean += 0.02 * (float(loss.detach()) - loss_mean)
        if step % 20 == 0 and rank == 0:
            sys.stderr.write(
                f"{name} step {step} of {steps}, loss {loss_mean:.3f}, {time.monotonic() - started:.0f} s\n"
            )
        stop = torch.tensor(time.monotonic() - started > seconds or step >= steps)
        if world > 1:
            torch.distributed.broadcast(stop, 0)
        if bool(stop) or step % SAVE == 0:
            if world > 1:
                _share_statistics(net, average, world)
            if rank == 0:
                state = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "average": average}
                _save(state | {"step": step, "loss": loss_mean}, file)
        if bool(stop):
            break
    return step >= steps


def _save(state: dict[str, Any], file: Path) -> None:
    """A reader sees the old checkpoint or the whole new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part")
    torch.save(state, part)
    part.replace(file)


@torch.no_grad()
def _follow(average: dict[str, torch.Tensor], net: nn.Module, keep: float) -> None:
    for key, value in net.state_dict().items():
        if value.is_floating_point():
            average[key].lerp_(value, 1 - keep)


def _rate(optimiser: torch.optim.Optimizer, step: int, steps: int) -> None:
    rate = (
        RATE * min(1.0, (step + 1) / WARM) * (0.02 + 0.49 * (1 + math.cos(math.pi * min(1.0, step / steps))))
    )
    for group in optimiser.param_groups:
        group["lr"] = rate


def _train_mode(net: nn.Module) -> None:
    """Training mode, but layers that do not learn keep their statistics too."""
    net.train()
    for part in net.modules():
        own = list(part.parameters())
        if own and not any(parameter.requires_grad for parameter in own):
            part.eval()


def _share(learning: list[nn.Parameter], world: int) -> None:
    """The mean of every process's gradients."""
    flat = torch.cat([p.grad.flatten() for p in learning if p.grad is not None])
    torch.distributed.all_reduce(flat)
    flat /= world
    at = 0
    for parameter in learning:
        if parameter.grad is not None:
            parameter.grad.copy_(flat[at : at + parameter.numel()].view_as(parameter))
            at += parameter.numel()


def _share_statistics(net: nn.Module, average: dict[str, torch.Tensor], world: int) -> None:
    """Each process saw other batches: the means and variances of all count."""
    for state in (net.state_dict(), average):
        for key, value in state.items():
            if key.endswith(("running_mean", "running_var")):
                torch.distributed.all_reduce(value)
                value.div_(world)


def read(file: Path, name: str = "lite") -> nn.Module:
    """The averaged network of a checkpoint, ready to look."""
    net = make(name)
    net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True)["average"])
    return net.eval()
