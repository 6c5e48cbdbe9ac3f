"""The sync network: two small temporal convolutions that put lips and sound into one space (in the spirit of
SyncNet, Chung and Zisserman 2016; trained with InfoNCE, van den Oord et al. 2018). Its scores are its own: nothing
here is called LSE-C or LSE-D."""

from __future__ import annotations

import torch
from torch import nn

from detect.sync.features import FEATURES, MELS

SIZE = 64
SEARCH = 15  # frames at 25 Hz, to either side


class _Block(nn.Module):
    """A residual convolution over time."""

    def __init__(self, channels: int, dilation: int):
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 5, padding=2 * dilation, dilation=dilation)
        self.norm = nn.GroupNorm(8, channels)
        self.drop = nn.Dropout(0.25)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = x + self.drop(torch.relu(self.norm(self.conv(x))))
        return out


class SyncNetwork(nn.Module):
    """``lips`` (b, FEATURES, t) at 25 Hz and ``mels`` (b, MELS, 4t) at 100 Hz -> unit vectors (b, SIZE, t) each."""

    def __init__(self, channels: int = 64):
        super().__init__()
        self.lips = nn.Sequential(
            nn.Conv1d(2 * FEATURES, channels, 3, padding=1),
            nn.ReLU(),
            _Block(channels, 1),
            _Block(channels, 2),
            nn.Conv1d(channels, SIZE, 1),
        )
        self.sound = nn.Sequential(
            nn.Conv1d(MELS, channels, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 4, stride=2, padding=1),
            nn.ReLU(),
            _Block(channels, 1),
            _Block(channels, 2),
            nn.Conv1d(channels, SIZE, 1),
        )

    def forward(self, lips: torch.Tensor, mels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        change = torch.zeros_like(lips)
        change[:, :, 1:-1] = (lips[:, :, 2:] - lips[:, :, :-2]) / 2
        seen = self.lips(torch.cat([lips, 2 * change], dim=1))
        heard = self.sound(mels)
        return nn.functional.normalize(seen, dim=1), nn.functional.normalize(heard, dim=1)


def similarities(seen: torch.Tensor, heard: torch.Tensor, search: int = SEARCH) -> torch.Tensor:
    """(b, 2 * search + 1, t): cosine of lips at t with the sound at t + d, for d from -search to search.

    d > 0 is a sound that comes after its lips. Outside the clip the similarity is 0.
    """
    length = seen.shape[-1]
    padded = nn.functional.pad(heard, (search, search))
    return torch.stack(
        [(seen * padded[..., d : d + length]).sum(dim=1) for d in range(2 * search + 1)], dim=1
    )
