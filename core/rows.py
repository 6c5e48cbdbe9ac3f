"""Rows of numbers on disk: appended in order, read in slices, so that memory does not grow with a video's length."""

from __future__ import annotations

import contextlib
import tempfile
import weakref
from collections.abc import Iterator
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from core.media.errors import no_room


class Sliced(Protocol):
    """What is read in slices of rows: :class:`Rows`, or an array that is in memory anyway."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: slice, /) -> NDArray[Any]: ...


def temporary_file(what: str, held: int = -1) -> IO[bytes]:
    """A file without a name that goes when it is closed. ``held``: bytes that are held before they are written."""
    try:
        return tempfile.TemporaryFile(prefix=f"greenroom-{what}-", buffering=held)
    except OSError as error:
        raise no_room(error) from error


def close_quietly(file: IO[bytes]) -> None:
    """Closing writes what is still held; where that finds no room nobody misses it any more."""
    with contextlib.suppress(OSError):
        file.close()


class Rows:
    """Rows of one shape. ``rows[a:b]`` reads (b - a, *shape). The file has no name and goes with the object.

    Making, appending and reading raise :class:`core.media.errors.NoRoom` where the disk is full."""

    def __init__(self, shape: tuple[int, ...], kind: type[np.floating[Any]] = np.float32) -> None:
        self.shape = shape
        self._kind = np.dtype(kind)
        self._width = self._kind.itemsize * int(np.prod(shape))
        self._file = temporary_file("rows", 1 << 18)
        weakref.finalize(self, close_quietly, self._file)
        self._count = 0
        self._at_end = True

    def append(self, rows: NDArray[Any]) -> None:
        """One row (*shape) or several (k, *shape)."""
        rows = np.ascontiguousarray(rows, self._kind).reshape(-1, *self.shape)
        try:
            if not self._at_end:
                self._file.seek(0, 2)
                self._at_end = True
            self._file.write(rows.tobytes())
        except OSError as error:
            raise no_room(error) from error
        self._count += len(rows)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, key: slice, /) -> NDArray[Any]:
        start, stop, step = key.indices(self._count)
        if step != 1:
            raise ValueError("rows are read forwards")
        self._at_end = False
        try:
            self._file.seek(start * self._width)  # what is still held is written first
            raw = self._file.read(max(0, stop - start) * self._width)
        except OSError as error:
            raise no_room(error) from error
        return np.frombuffer(raw, self._kind).reshape(-1, *self.shape)


def in_blocks(rows: Sliced, count: int = 2048) -> Iterator[NDArray[Any]]:
    """All rows in order, so many at a time."""
    for start in range(0, len(rows), count):
        yield rows[start : start + count]
