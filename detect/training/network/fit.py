"""The whole network on pairs of views: from ImageNet's weights, or Xception from scratch. A GPU's work.

Seeded, resumable, on a CPU or a GPU, in one process or several (``torchrun``: gradients are averaged). What is kept are
the running averages of the weights. :mod:`head` trains the head alone, on a trunk that stays as it is.
"""

from __future__ import annotations

import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from core.weights import weight_file
from detect.artifact.network import CLASSES
from detect.training.network.crops import Faces
from detect.training.network.model import make
from detect.training.network.pairs import Pairs, tensor

RATES = {"trunk": 4e-4, "head": 1e-3}  # Xception has no head of its own: all of it learns as a head does
DECAY, WARM, AVERAGE = 0.02, 60, 0.998
BATCH = {"cpu": (16, 1), "cuda": (64, 3)}  # pairs of pictures, windows of each
SAVE = 200  # steps


def fit(
    faces: Faces,
    folder: Path,
    name: str,
    *,
    steps: int,
    seconds: float,
    seed: int = 1,
    cool: bool = False,
    redrawn: dict[int, NDArray[np.uint8]] | None = None,
    watch: Callable[[dict[str, torch.Tensor], int], None] | None = None,
) -> bool:
    """Go on from ``folder``'s checkpoint for at most ``seconds``; True once ``steps`` steps are done.

    ``cool``: the rates fall to their end within ``seconds``, for a last call that has no time for all steps. ``watch``
    is given the averaged weights at each save. ``redrawn``: see :mod:`regenerate`.
    """
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    net: Any = make(name, weight_file("efficientnet-lite0-imagenet") if name == "lite" else None)
    net.to(device, memory_format=torch.channels_last)
    learning, optimiser = list(net.parameters()), _optimiser(net, name)
    average = {key: value.detach().clone() for key, value in net.state_dict().items()}
    file = folder / f"{name}.pt"
    step, loss_mean = 0, torch.tensor(math.log(len(CLASSES)), device=device)
    if file.exists():
        saved = torch.load(file, map_location=device, weights_only=True)
        net.load_state_dict(saved["net"])
        optimiser.load_state_dict(saved["optimiser"])
        average, step = saved["average"], saved["step"]
        loss_mean.fill_(saved["loss"])
    batches = _batches(faces, seed * 1000 + rank, range(step, steps), device.type, redrawn)
    started = time.monotonic()
    for views, labels in batches:
        done = max(step / steps, (time.monotonic() - started) / seconds if cool else 0.0)
        _rate(optimiser, step, done)
        net.train()
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            logits, _ = net(tensor(views.to(device, non_blocking=True)))
        loss = functional.cross_entropy(logits.float(), labels.to(device), label_smoothing=0.03)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        if world > 1:
            _share(learning, world)
        nn.utils.clip_grad_norm_(learning, 2.0)
        optimiser.step()
        step += 1
        _follow(average, net, min(AVERAGE, step / (step + 10)))
        loss_mean = loss_mean + 0.02 * (loss.detach() - loss_mean)
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
                kept = {"net": net.state_dict(), "optimiser": optimiser.state_dict(), "average": average}
                _save(kept | {"step": step, "loss": float(loss_mean)}, file)
                if watch is not None:
                    watch(average, step)
        if bool(stop):
            break
    return step >= steps


def _optimiser(net: nn.Module, name: str) -> torch.optim.Optimizer:
    """The trunk, which knows ImageNet, learns more slowly than the head."""
    trunk = [p for key, p in net.named_parameters() if name == "lite" and not key.startswith("head.")]
    head = [p for key, p in net.named_parameters() if name != "lite" or key.startswith("head.")]
    groups = [{"params": trunk, "rate": RATES["trunk"]}, {"params": head, "rate": RATES["head"]}]
    return torch.optim.AdamW([g for g in groups if g["params"]], weight_decay=DECAY)


def _batches(
    faces: Faces, seed: int, numbers: range, device: str, redrawn: dict[int, NDArray[np.uint8]] | None
) -> Any:
    """The batches of these numbers, made beside the training."""
    pairs, looks = BATCH[device]
    return torch.utils.data.DataLoader(
        Pairs(faces, seed, pairs=pairs, looks=looks, redrawn=redrawn),
        batch_size=None,
        sampler=numbers,
        num_workers=(os.cpu_count() or 2) - 1 if device == "cuda" else 1,
        prefetch_factor=3,
    )


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


def _rate(optimiser: torch.optim.Optimizer, step: int, done: float) -> None:
    share = min(1.0, (step + 1) / WARM) * (0.01 + 0.495 * (1 + math.cos(math.pi * min(1.0, done))))
    for group in optimiser.param_groups:
        group["lr"] = group["rate"] * share


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


def read(file: Path, name: str = "lite") -> Any:
    """The averaged network of a checkpoint, ready to look."""
    net = make(name)
    net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True)["average"])
    return net.eval()
