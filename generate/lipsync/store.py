"""Pictures of a prepared reference on disk, read one at a time and in any order.

JPEG at quality 96 without chroma subsampling: below what the final encode keeps. One file, an index of offsets.
"""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from types import TracebackType

import cv2
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
_QUALITY = [
    int(cv2.IMWRITE_JPEG_QUALITY),
    96,
    int(cv2.IMWRITE_JPEG_SAMPLING_FACTOR),
    int(cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444),
]


class PictureWriter:
    """Appends pictures to ``path``; ``offsets`` is what :class:`Pictures` needs. A context manager."""

    def __init__(self, path: Path):
        self._file = path.open("wb")
        self.offsets: list[int] = [0]

    def add(self, image: Image | None) -> None:
        """The next picture; None keeps its place empty."""
        if image is not None and image.size:
            done, data = cv2.imencode(".jpg", image, _QUALITY)
            assert done
            self._file.write(data.tobytes())
        self.offsets.append(self._file.tell())

    def __enter__(self) -> PictureWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


class Pictures:
    """Read-only access to what :class:`PictureWriter` wrote, with the last ``keep`` pictures in memory."""

    def __init__(self, path: Path, offsets: NDArray[np.int64], keep: int = 8):
        self._path, self._offsets, self._keep = path, offsets, keep
        self._recent: OrderedDict[int, Image] = OrderedDict()

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, index: int) -> Image:
        """uint8 BGR (h, w, 3); treat it as read-only."""
        if index in self._recent:
            self._recent.move_to_end(index)
            return self._recent[index]
        start, stop = int(self._offsets[index]), int(self._offsets[index + 1])
        with self._path.open("rb") as file:
            file.seek(start)
            data = np.frombuffer(file.read(stop - start), np.uint8)
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), dtype=np.uint8)
        self._recent[index] = image
        if len(self._recent) > self._keep:
            self._recent.popitem(last=False)
        return image
