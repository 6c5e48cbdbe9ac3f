"""Rows of numbers on disk: appended in order, read in slices, so that memory does not grow with a video's length."""

from __future__ import annotations

import tempfile
import weakref
from collections.abc import Iterator
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Sliced(Protocol):
    """What is read in slices of rows: :class:`Rows`, or an array that is in memory anyway."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> NDArray[Any]: ...


class Rows:
    """Rows of one shape. ``rows[a:b]`` reads (b - a, *shape). The file has no name and goes with the object."""

    def __init__(self, shape: tuple[int, ...], kind: type[np.floating[Any]] = np.float32) -> None:
        self.shape = shape
        self._kind = np.dtype(kind)
        self._width = self._kind.itemsize * int(np.prod(shape))
        self._file: IO[bytes] = tempfile.TemporaryFile(prefix="greenroom-rows-", buffering=1 << 18)  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        self._count = 0
        self._at_end = True

    def append(self, rows: NDArray[Any]) -> None:
        """One row (*shape) or several (k, *shape)."""
        rows = np.ascontiguousarray(rows, self._kind).reshape(-1, *self.shape)
        if not self._at_end:
            self._file.seek(0, 2)
            self._at_end = True
        self._file.write(rows.tobytes())
        self._count += len(rows)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, key: slice, /) -> NDArray[Any]:
        start, stop, step = key.indices(self._count)
        if step != 1:
            raise ValueError("rows are read forwards")
        self._at_end = False
        self._file.seek(start * self._width)
        raw = self._file.read(max(0, stop - start) * self._width)
        return np.frombuffer(raw, self._kind).reshape(-1, *self.shape)


def in_blocks(rows: Sliced, count: int = 2048) -> Iterator[NDArray[Any]]:
    """All rows in order, so many at a time."""
    for start in range(0, len(rows), count):
        yield rows[start : start + count]
