"""How colours become the numbers of a coded picture, from the standards' own formulas and without libswscale.

So the truth about a file's colours does not come from the code that is measured: BT.601, BT.709 and BT.2020 matrices
(ITU-R BT.601-7, BT.709-6, BT.2020-2), limited and full range, PQ (SMPTE ST 2084) and HLG (ARIB STD-B67).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LUMA = {"601": (0.299, 0.114), "709": (0.2126, 0.0722), "2020": (0.2627, 0.0593)}  # Kr, Kb
CODE = {"601": 6, "709": 1, "2020": 9}  # H.273 code points of matrix and primaries
TRANSFER = {"sdr": 1, "pq": 16, "hlg": 18}
# BT.709 light in BT.2020's primaries (ITU-R BT.2087-0).
TO_2020 = np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]])
HDR_WHITE = 203.0  # cd/m2 of diffuse white in an HDR picture (ITU-R BT.2408)


@dataclass(frozen=True)
class Ink:
    """How a picture is coded and what the file says about it.

    ``tagged`` False: neither stream nor container names matrix, primaries or transfer.
    """

    matrix: str = "709"
    primaries: str = "709"
    transfer: str = "sdr"
    full: bool = False
    depth: int = 8
    tagged: bool = True

    @property
    def tags(self) -> tuple[int, int, int, int]:
        """Primaries, transfer, matrix, range as H.273 and libav number them."""
        if not self.tagged:
            return 2, 2, 2, 2 if self.full else 0
        transfer = 6 if self.matrix == "601" else TRANSFER[self.transfer]
        if self.primaries == "2020" and self.transfer == "sdr":
            transfer = 14 if self.depth == 10 else 1
        return CODE[self.primaries], transfer, CODE[self.matrix], 2 if self.full else 1

    def codes(self, bgr: NDArray[np.uint8]) -> NDArray[np.int64]:
        """(n, 3) BGR as seen -> (n, 3) Y, Cb, Cr code values."""
        rgb = bgr[:, ::-1].astype(np.float64) / 255
        if self.primaries == "2020" or self.transfer != "sdr":
            rgb = self._scene(rgb)
        kr, kb = LUMA[self.matrix]
        y = kr * rgb[:, 0] + (1 - kr - kb) * rgb[:, 1] + kb * rgb[:, 2]
        cb = (rgb[:, 2] - y) / (2 * (1 - kb))
        cr = (rgb[:, 0] - y) / (2 * (1 - kr))
        top, scale = (1 << self.depth) - 1, 1 << (self.depth - 8)
        if self.full:
            planes = [y * top, cb * top + 128 * scale, cr * top + 128 * scale]
        else:
            planes = [(16 + 219 * y) * scale, (128 + 224 * cb) * scale, (128 + 224 * cr) * scale]
        codes: NDArray[np.int64] = np.clip(np.rint(np.stack(planes, -1)), 0, top).astype(np.int64)
        return codes

    def _scene(self, rgb: NDArray[np.float64]) -> NDArray[np.float64]:
        """Through light: BT.1886 display light of the BT.709 picture, other primaries, the transfer's inverse."""
        light = rgb**2.4
        if self.primaries == "2020":
            light = light @ TO_2020.T
        if self.transfer == "pq":
            m1, m2, c1, c2, c3 = 0.1593017578125, 78.84375, 0.8359375, 18.8515625, 18.6875
            power = (light * HDR_WHITE / 10_000) ** m1
            return np.asarray(((c1 + c2 * power) / (1 + c3 * power)) ** m2)
        if self.transfer == "hlg":
            # Display light of a 1000 cd/m2 screen back to the scene (gamma 1.2, BT.2100), then the OETF.
            shown = light * HDR_WHITE / 1000
            y = shown @ np.array([0.2627, 0.6780, 0.0593])
            scene = shown * np.maximum(y, 1e-9)[:, None] ** ((1 - 1.2) / 1.2)
            a, b, c = 0.17883277, 0.28466892, 0.55991073
            low = np.sqrt(3 * scene)
            high = a * np.log(np.maximum(12 * scene - b, 1e-9)) + c
            return np.where(scene <= 1 / 12, low, high)
        return np.asarray(light ** (1 / 2.4))
