"""The head alone, on a trunk that stays as ImageNet left it: a CPU's work.

The trunk's answers to a fixed number of views are stored once (``store``: 130 KB a view), then the head learns from
them at hundreds of views a second and core (``learn``); the whole network would see ten.
"""

from __future__ import annotations

import math
import sys
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from core.weights import weight_file
from detect.training.network.crops import Faces
from detect.training.network.model import Looker
from detect.training.network.pairs import Pairs, tensor

CHUNK = 8  # batches in one file
RATE, DECAY, PAIRS, AVERAGE = 3e-3, 0.05, 48, 0.99
KEYS = ("a", "b", "c")
STORED = 16  # pairs in a stored batch


def store(faces: Faces, folder: Path, *, batches: int, seconds: float, shard: int = 0, seed: int = 1) -> bool:
    """Taps of ``batches`` batches of this shard; goes on where it stopped. True when all are there."""
    folder.mkdir(parents=True, exist_ok=True)
    net = Looker(weight_file("efficientnet-lite0-imagenet")).eval()
    pairs = Pairs(faces, seed * 1000 + shard, pairs=STORED)
    started = time.monotonic()
    for first in range(0, batches, CHUNK):
        file = folder / f"train_{shard}_{first:04d}.npz"
        if file.exists():
            continue
        if time.monotonic() - started > seconds:
            return False
        taps: list[list[NDArray[np.float16]]] = [[], [], []]
        labels = []
        for number in range(first, min(first + CHUNK, batches)):
            views, truth = pairs[number]
            with torch.inference_mode():
                for kept, tap in zip(taps, net.taps(tensor(views)), strict=True):
                    kept.append(tap.contiguous().half().numpy())
            labels.append(truth.numpy())
        arrays = {key: np.concatenate(kept) for key, kept in zip(KEYS, taps, strict=True)}
        part = folder / f"part_{shard}.npz"
        np.savez(part, y=np.concatenate(labels), **arrays)
        part.replace(file)
    return True


def learn(folder: Path, out: Path, *, steps: int, seconds: float, seed: int = 1) -> None:
    """The head on all stored taps; writes a checkpoint of the whole network, averaged.

    The schedule ends after ``steps`` steps or ``seconds`` seconds, whichever comes first.
    """
    files = [np.load(file) for file in sorted(folder.glob("train_*.npz"))]
    taps = [np.concatenate([file[key] for file in files]) for key in KEYS]
    labels = np.concatenate([file["y"] for file in files]).astype(np.int64)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = Looker(weight_file("efficientnet-lite0-imagenet"))
    head = net.head.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=DECAY)
    average = {key: value.clone() for key, value in head.state_dict().items()}
    started, step, loss_mean, done = time.monotonic(), 0, math.log(3), 0.0
    while done < 1:
        for group in optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (step + 1) / 30) * (0.02 + 0.49 * (1 + math.cos(math.pi * done)))
        first = 2 * rng.integers(0, len(labels) // 2, PAIRS)
        rows = np.stack([first, first + 1], axis=1).ravel()
        seen = [torch.from_numpy(tap[rows]).float() for tap in taps]
        if rng.random() < 0.5:
            seen = [tap.flip(3) for tap in seen]
        head.train()
        logits, _ = head(seen)
        loss = functional.cross_entropy(logits, torch.from_numpy(labels[rows]), label_smoothing=0.03)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(head.parameters(), 2.0)
        optimiser.step()
        step += 1
        loss_mean += 0.02 * (float(loss.detach()) - loss_mean)
        keep = min(AVERAGE, step / (step + 10))
        with torch.no_grad():
            for key, value in head.state_dict().items():
                if value.is_floating_point():
                    average[key].lerp_(value, 1 - keep)
        done = max(step / steps, (time.monotonic() - started) / seconds)
        if step % 50 == 0 or done >= 1:
            sys.stderr.write(f"step {step} of {steps}, {len(labels)} views stored, loss {loss_mean:.3f}\n")
    head.load_state_dict(average)
    torch.save({"average": net.state_dict(), "step": step, "loss": loss_mean}, out)
