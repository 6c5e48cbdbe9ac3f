"""Faces drawn anew by small autoencoders of ours: whole generated pictures that have a camera picture of their own.

An engine's clips are few and each can be known by heart; what engines share is a decoder that draws every pixel. So
several autoencoders, of other strides and ways to enlarge, are trained for some hundred steps each on the camera
pictures of the training part and draw these again: same person, size and codec, other maker. A GPU's work.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from core.weights import weight_file
from detect.training.network.crops import Faces
from detect.training.network.model import Looker
from detect.training.network.pairs import tensor


@dataclass(frozen=True)
class Plan:
    """One autoencoder: how often it halves, channels of its code, how it enlarges, what it is told to be good at."""

    halvings: int
    code: int
    enlarge: str  # nearest, bilinear, transposed, shuffle
    rival: float = 0.0  # weight of a patch discriminator
    small: bool = False  # draws at half the size; the picture is enlarged afterwards


PLANS = (
    Plan(3, 12, "nearest", 0.03),
    Plan(3, 16, "transposed", 0.03),
    Plan(2, 6, "shuffle"),
    Plan(4, 48, "bilinear", 0.03),
    Plan(4, 64, "transposed", 0.02),
    Plan(2, 8, "nearest", 0.02, small=True),
    Plan(3, 8, "shuffle", 0.05),
)
STEPS = 300


class Autoencoder(nn.Module):
    """(n, 3, h, w) in -1..1 to the same, through a narrow code."""

    def __init__(self, plan: Plan) -> None:
        super().__init__()
        wide = [48, 64, 96, 128, 160][: plan.halvings + 1]
        layers: list[nn.Module] = [nn.Conv2d(3, wide[0], 3, padding=1)]
        for a, b in pairwise(wide):
            layers += [_Residual(a), nn.Conv2d(a, b, 4, 2, 1)]
        layers += [_Residual(wide[-1]), nn.Conv2d(wide[-1], plan.code, 1)]
        layers += [nn.Conv2d(plan.code, wide[-1], 3, padding=1)]
        for a, b in pairwise(wide[::-1]):
            layers += [_Residual(a), _enlarger(a, b, plan.enlarge)]
        layers += [_Residual(wide[0]), nn.Conv2d(wide[0], 3, 3, padding=1)]
        self.layers = nn.Sequential(*layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.layers(x)
        return out


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.inside = nn.Sequential(
            nn.GroupNorm(8, channels),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(channels, channels, 3, padding=1),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.inside(x)
        return out


def _enlarger(inside: int, outside: int, how: str) -> nn.Module:
    if how == "transposed":
        return nn.ConvTranspose2d(inside, outside, 4, 2, 1)
    if how == "shuffle":
        return nn.Sequential(nn.Conv2d(inside, outside * 4, 3, padding=1), nn.PixelShuffle(2))
    return nn.Sequential(nn.Upsample(scale_factor=2, mode=how), nn.Conv2d(inside, outside, 3, padding=1))


def _rival() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 48, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(48, 96, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(96, 128, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(128, 1, 3, padding=1),
    )


def train(
    pictures: torch.Tensor, plan: Plan, judge: Any, *, steps: int, seed: int, batch: int = 24
) -> Autoencoder:
    """``pictures``: (n, h, w, 3) uint8 on the device. ``judge``: (n, 3, h, w) to feature maps that should agree."""
    torch.manual_seed(seed)
    device = pictures.device
    net: Any = Autoencoder(plan)
    rival: Any = _rival()
    net.to(device, memory_format=torch.channels_last)
    rival.to(device, memory_format=torch.channels_last)
    learner = torch.optim.AdamW(net.parameters(), 8e-4, betas=(0.8, 0.99))
    against = torch.optim.AdamW(rival.parameters(), 4e-4, betas=(0.5, 0.99))
    for step in range(steps):  # not seconds: the first steps on a GPU take as long as a hundred later ones
        spent = step / steps
        for group in learner.param_groups:
            group["lr"] = 8e-4 * min(1, (step + 1) / 40) * (1 - 0.9 * max(0.0, spent - 0.3) / 0.7)
        x = _batch(pictures, batch, plan)
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            y = net(x)
            likeness = zip(judge(y), judge(x), strict=True)
            loss = (y - x).abs().mean()
            loss = loss + sum(0.15 * (a.float() - b.detach().float()).abs().mean() for a, b in likeness)
            if plan.rival and spent > 0.3:
                loss = loss - plan.rival * rival(y).float().mean()
        learner.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        learner.step()
        if plan.rival and spent > 0.2:
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                bad = functional.relu(1 + rival(y.detach()).float()).mean()
                bad = bad + functional.relu(1 - rival(x).float()).mean()
            against.zero_grad()
            bad.backward()  # type: ignore[no-untyped-call]
            against.step()
    trained: Autoencoder = net.eval()
    return trained


def _batch(pictures: torch.Tensor, batch: int, plan: Plan) -> torch.Tensor:
    """Random cuts, mirrored and shrunk at random."""
    which = torch.randint(len(pictures), (batch,), device=pictures.device)
    x = pictures[which].permute(0, 3, 1, 2).float() / 127.5 - 1
    if plan.small:
        x = functional.interpolate(x, scale_factor=0.5, mode="area")
    elif float(torch.rand(())) < 0.3:
        side = int(torch.randint(10, 15, ())) * 16
        x = functional.interpolate(x, size=(side, side), mode="bilinear", antialias=True)
    side = min(160, x.shape[-1])
    i, j = (int(torch.randint(0, x.shape[-1] - side + 1, ())) for _ in range(2))
    x = x[..., i : i + side, j : j + side]
    return (x.flip(3) if float(torch.rand(())) < 0.5 else x).contiguous(memory_format=torch.channels_last)


@torch.inference_mode()
def drawn(
    net: Autoencoder, pictures: NDArray[np.uint8], plan: Plan, device: torch.device
) -> NDArray[np.uint8]:
    """``pictures`` (n, h, w, 3) drawn again, uint8."""
    out = np.empty_like(pictures)
    for at in range(0, len(pictures), 32):
        x = torch.from_numpy(pictures[at : at + 32]).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            y = net(functional.interpolate(x, scale_factor=0.5, mode="area") if plan.small else x).float()
        if plan.small:
            y = functional.interpolate(y, size=x.shape[2:], mode="bicubic")
        y = ((y.clamp(-1, 1) + 1) * 127.5 + 0.5).permute(0, 2, 3, 1)
        out[at : at + 32] = y.to(torch.uint8).cpu().numpy()
    return out


def redraw(faces: Faces, file: Path, *, plans: tuple[Plan, ...] = PLANS, steps: int = STEPS) -> None:
    """Every camera picture of the training part as each plan's autoencoder draws it, in one npz."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    rows = np.flatnonzero((faces.part == "train") & (faces.generator == ""))
    pictures = torch.from_numpy(faces.crops[rows]).to(device)
    judge = _judge(pictures[:32], device)
    several = []
    for seed, plan in enumerate(plans):
        net = train(pictures, plan, judge, steps=steps, seed=seed)
        several.append(drawn(net, faces.crops[rows], plan, device))
        sys.stderr.write(
            f"{plan}: off by {float(np.abs(several[-1] - faces.crops[rows].astype(np.float32)).mean()):.1f}\n"
        )
    np.savez(file, rows=rows, redrawn=np.stack(several, axis=1))


def read(file: Path) -> dict[int, NDArray[np.uint8]]:
    """row: (autoencoders, h, w, 3); empty where nothing was drawn anew."""
    if not file.exists():
        return {}
    with np.load(file) as stored:
        return dict(zip(stored["rows"].tolist(), stored["redrawn"], strict=True))


def _judge(some: torch.Tensor, device: torch.device) -> Any:
    """The first stages of the trunk with ImageNet's weights, each map in units of its own mean."""
    trunk: Any = (
        Looker(weight_file("efficientnet-lite0-imagenet"))
        .eval()
        .requires_grad_(requires_grad=False)
        .to(device)
    )

    def maps(x: torch.Tensor) -> list[torch.Tensor]:
        out = [trunk.norm(trunk.stem(x))]
        for stage in trunk.stages[:2]:
            out.append(stage(out[-1]))
        return out

    with torch.no_grad():
        units = [one.float().abs().mean() for one in maps(tensor(some))]
    return lambda x: [one / unit for one, unit in zip(maps(x), units, strict=True)]
