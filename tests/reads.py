"""Counts how often files are read from end to end, by whom: Python, the C2PA library, or a confined child.

All of them get their files from Python's ``open`` in this process: what goes through it is counted byte by byte, and
a child that is handed the open file counts as one reader of all of it.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import obstore
import pytest

SMALLEST = 50_000  # bytes: keys, anchors and manifests are not what is counted


@dataclass
class Reads:
    """Bytes that were read of each larger file, and the places that read it."""

    bytes: Counter[Path] = field(default_factory=Counter)
    by: list[tuple[str, str, float]] = field(default_factory=list)

    @property
    def whole(self) -> float:
        """Files' worth of bytes."""
        return sum(share for _, _, share in self.by)

    def text(self) -> str:
        return "\n".join(f"{share:5.2f}  {name:24} {where}" for name, where, share in self.by)


@contextmanager
def counted_reads(monkeypatch: pytest.MonkeyPatch) -> Iterator[Reads]:
    """Count every read of a file of at least SMALLEST bytes until the block ends."""
    reads = Reads()

    def note(path: Path, count: int, size: int, where: str) -> None:
        if size >= SMALLEST and count >= size / 10:
            reads.bytes[path] += count
            reads.by.append((path.name[:24], where, count / size))

    class Counted(io.FileIO):
        def __init__(self, path: Path) -> None:
            super().__init__(path, "rb")
            self.path, self.count, self.where = path, 0, _place()

        def readinto(self, buffer: Any) -> int:
            got = super().readinto(buffer)
            self.count += got
            return got

        def readall(self) -> bytes:
            data = super().readall()
            self.count += len(data)
            return data

        def close(self) -> None:
            if not self.closed:
                note(self.path, self.count, os.fstat(self.fileno()).st_size, self.where)
            super().close()

    def opened(self: Path, mode: str = "r", *args: Any, **more: Any) -> Any:
        if mode == "rb" and self.is_file():
            return io.BufferedReader(Counted(self))
        return io.open(self, mode, *args, **more)  # noqa: UP020

    class Child(subprocess.Popen[Any]):
        def __init__(self, *args: Any, **more: Any) -> None:
            for number in more.get("pass_fds", ()):
                path = Path(f"/proc/self/fd/{number}").readlink()
                if path.is_file():
                    note(path, path.stat().st_size, path.stat().st_size, f"child of {_place()}")
            super().__init__(*args, **more)

    put = obstore.put

    def counted_put(store: Any, key: str, file: Any, **more: Any) -> Any:
        if isinstance(file, Path):
            note(file, file.stat().st_size, file.stat().st_size, "obstore.put")
        return put(store, key, file, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", opened)
        patch.setattr(subprocess, "Popen", Child)
        patch.setattr(obstore, "put", counted_put)
        yield reads


def _place() -> str:
    """The three innermost functions of ours."""
    frame, names = sys._getframe(2), []
    while frame is not None and len(names) < 3:
        code = frame.f_code
        if (
            "/site-packages/" not in code.co_filename
            and code.co_filename != __file__
            and "/lib/python" not in code.co_filename
        ):
            names.append(f"{Path(code.co_filename).stem}.{code.co_name}")
        frame = frame.f_back
    return " < ".join(names)
