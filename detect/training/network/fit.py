"""The whole network on pairs of views: from ImageNet's weights, or Xception from scratch. A GPU's work.

Seeded, resumable, on a CPU or a GPU, in one process or several (``torchrun``: gradients are averaged). What is kept are
the running averages of the weights. :mod:`head` trains the head alone, on a trunk that stays as it is.
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

from core.weights import weight_file
from detect.artifact.network import CLASSES
from detect.training.network.crops import Faces
from detect.training.network.model import make
from detect.training.network.pairs import Pairs

RATE, DECAY, WARM, AVERAGE = 7e-4, 0.02, 40, 0.99
SAVE = 50  # steps


def fit(faces: Faces, folder: Path, name: str, *, steps: int, seconds: float, seed: int = 1) -> bool:
    """Go on from ``folder``'s checkpoint for at most ``seconds``; True once ``steps`` steps are done."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    if world > 1 and not torch.distributed.is_initialized():
        torch.distributed.init_process_group("gloo")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(seed)
    net: Any = make(name, weight_file("efficientnet-lite0-imagenet") if name == "lite" else None)
    net.to(device, memory_format=torch.channels_last)
    if name == "lite":
        for part in (net.stem, net.norm, net.stages[0]):
            part.requires_grad_(False)
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
            logits, _ = net(views.to(device, non_blocking=True, memory_format=torch.channels_last))
        loss = functional.cross_entropy(logits.float(), labels.to(device), label_smoothing=0.03)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
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


def read(file: Path, name: str = "lite") -> Any:
    """The averaged network of a checkpoint, ready to look."""
    net = make(name)
    net.load_state_dict(torch.load(file, map_location="cpu", weights_only=True)["average"])
    return net.eval()
