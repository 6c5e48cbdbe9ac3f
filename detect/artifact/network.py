"""A small network on aligned face crops, served by ONNX Runtime on one thread.

The torch network of ``detect.training.networks`` is the reference; a test holds the two within .01 of each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from detect.artifact.geometry import SIZE, Image

STORED = 160  # the aligned crop is shrunk to this, then its middle WINDOW is seen
WINDOW = 144


class CropNetwork:
    """(SIZE, SIZE, 3) BGR aligned crops in, class probabilities out."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        self._side = int(self._session.get_inputs()[0].shape[2])

    def probabilities(self, crop: Image) -> NDArray[np.float32]:
        """(classes,) of one aligned crop."""
        batch = network_input(crop, self._side)
        return np.asarray(self._session.run(None, {"crops": batch})[0][0], np.float32)


def network_input(crop: Image, side: int) -> NDArray[np.float32]:
    """(1, 3, side, side) float32 RGB in -1..1 of an aligned crop, or of one that was stored at ``STORED``."""
    if crop.shape[0] == SIZE:
        crop = np.asarray(cv2.resize(crop, (STORED, STORED), interpolation=cv2.INTER_AREA), np.uint8)
    edge = (STORED - WINDOW) // 2
    part: Any = crop[edge : edge + WINDOW, edge : edge + WINDOW]
    if side != WINDOW:
        part = cv2.resize(np.ascontiguousarray(part), (side, side), interpolation=cv2.INTER_AREA)
    rgb = np.asarray(part, np.float32)[..., ::-1].transpose(2, 0, 1)[None]
    return np.ascontiguousarray(rgb / 127.5 - 1, np.float32)
