"""What every benchmark shares: the framing of its one JSON document, its media, and where caches live.

A benchmark module has ``GOAL`` (key -> bar, such as ``">= 0.95"``) and ``run() -> dict`` with the measured keys plus
``n``, ``interval`` and ``inputs_sha256``. ``finish(run(), GOAL)`` adds ``goal``, ``met`` and ``commit`` and prints it.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_COMPARE = {">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, "==": lambda a, b: a == b}


def full() -> bool:
    """Is the stated count asked for (``FULL=1``)?"""
    return os.environ.get("FULL") == "1"


def media() -> Path | None:
    """The test media's folder, or None: then the sample presenter is measured and the result says so."""
    folder = os.environ.get("GREENROOM_TEST_MEDIA")
    return Path(folder) if folder and Path(folder).is_dir() else None


def cache_folder(name: str) -> Path:
    """Where a benchmark keeps renders between runs; never inside the tree."""
    folder = Path(os.environ.get("GREENROOM_BENCH_CACHE", "~/.cache/greenroom/bench")).expanduser() / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def inputs_digest(paths: Iterable[Path]) -> str:
    """One SHA-256 over the inputs' own, in sorted order."""
    digests = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths)
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927), 95 % by default; (0, 1) for n = 0."""
    if n == 0:
        return 0.0, 1.0
    share = hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * ((share * (1 - share) / n + z * z / (4 * n * n)) ** 0.5)
    return round(max(0.0, middle - half), 4), round(min(1.0, middle + half), 4)


def met(result: dict[str, Any], goal: dict[str, str]) -> dict[str, bool]:
    """Which bars were reached; a key that is missing or null was not."""
    outcome = {}
    for key, bar in goal.items():
        sign, number = bar.split()
        value = result.get(key)
        outcome[key] = value is not None and bool(_COMPARE[sign](float(value), float(number)))
    return outcome


def finish(result: dict[str, Any], goal: dict[str, str]) -> dict[str, Any]:
    """The whole document, printed last on stdout."""
    document = {**result, "goal": goal, "met": met(result, goal), "commit": _commit()}
    sys.stderr.flush()
    print(json.dumps(document))
    return document


def _commit() -> str:
    try:
        answer = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return answer.stdout.strip()
