"""Odd but real files, each with a known truth: how many are read rightly, and how far sound lies from picture.

The catalogue (``tests/media_catalogue``) makes every file with a clock in picture and sound. A file is right where all
of its truth holds: what is shown and heard, when, in which colours and shape, which tracks are rivals, what is refused,
what is reported of damage. The default set and 35 members drawn at random with a fixed seed; ``FULL=1``: 1000 files.

Each file is made and read in a process of its own kind (the reader's own child is confined besides), so that a crash or
an endless loop is one file's and is counted.
"""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import tempfile
import time
import traceback
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.harness import finish, full, inputs_digest, wilson

GOAL = {"right_share": ">= 1.0", "crashed": "== 0", "hung": "== 0"}
SEED = 20_261_101
DRAWN = 35
FULL_FILES = 1000
HANG_SECONDS = 90.0  # the slowest file takes 3 s


class Worker:
    """A process that makes and reads file after file."""

    def __init__(self, folder: Path, drawn: int):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.media_reading", "worker", str(folder), str(drawn)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def ask(self, number: int) -> dict[str, Any] | str:
        """What came of file ``number``, or "crashed" or "hung"."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(f"{number}\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            return "crashed"
        ready, _, _ = select.select([self._process.stdout], [], [], HANG_SECONDS)
        if not ready:
            return "hung"
        line = self._process.stdout.readline()
        if not line:
            return "crashed"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()


def _work(folder: Path, drawn: int) -> None:
    """In the worker: a number a line; answers what was wrong with that file's reading."""
    from tests.media_catalogue.check import offsets, problems
    from tests.media_catalogue.found import product

    members = _members(drawn)
    for line in sys.stdin:
        member = members[int(line)]
        answer: dict[str, Any] = {
            "name": member.file_name,
            "kind": member.kind,
            "crashed": False,
            "offsets": [],
        }
        path, truth = member.write(folder)
        try:
            found = product(path)
            answer["wrong"] = problems(truth, found)
            if not found.error:
                answer["offsets"] = offsets(truth, found)
        except Exception as error:  # the reader's, whatever it is: counted
            frames = traceback.extract_tb(error.__traceback__)
            answer |= {"crashed": True, "wrong": [f"{type(error).__name__}: {error} ({frames[-1].name})"]}
        print(json.dumps(answer), flush=True)


def _members(drawn: int) -> list[Any]:
    from tests import media_catalogue

    return [*media_catalogue.members(), *media_catalogue.drawn(SEED, drawn)]


@dataclass
class Outcome:
    files: int = 0
    right: int = 0
    crashed: int = 0
    hung: int = 0
    by_class: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    offsets: list[float] = field(default_factory=list)
    misses: list[dict[str, Any]] = field(default_factory=list)

    def add(self, member: Any, answer: dict[str, Any] | str) -> None:
        self.files += 1
        tally = self.by_class[member.kind]
        tally[1] += 1
        if isinstance(answer, str):
            self.crashed += answer == "crashed"
            self.hung += answer == "hung"
            answer = {"wrong": [answer], "offsets": []}
        else:
            self.crashed += bool(answer["crashed"])
        self.offsets += [abs(value) * 1000 for value in answer["offsets"]]
        if answer["wrong"]:
            self.misses.append({"file": member.file_name, "wrong": answer["wrong"]})
            print(f"{member.file_name}: {'; '.join(answer['wrong'])}", file=sys.stderr)
        else:
            self.right += 1
            tally[0] += 1


def run() -> dict[str, Any]:
    from tests import media_catalogue

    drawn = FULL_FILES - len(media_catalogue.members()) if full() else DRAWN
    members = _members(drawn)
    began = time.monotonic()
    outcome = Outcome()
    with tempfile.TemporaryDirectory(prefix="greenroom-reading-") as name:
        folder = Path(name)
        worker: Worker | None = None
        for number, member in enumerate(members):
            worker = worker or Worker(folder, drawn)
            answer = worker.ask(number)
            outcome.add(member, answer)
            if isinstance(answer, str):
                worker.close()
                worker = None
        if worker is not None:
            worker.close()
        digest = inputs_digest(path for path in folder.iterdir() if path.is_file())
    return {
        "files": outcome.files,
        "right": outcome.right,
        "right_share": round(outcome.right / outcome.files, 4),
        "crashed": outcome.crashed,
        "hung": outcome.hung,
        "by_class": {kind: f"{right}/{n}" for kind, (right, n) in outcome.by_class.items()},
        "offset_error_ms": {
            "worst": round(max(outcome.offsets), 1) if outcome.offsets else None,
            "median": round(median(outcome.offsets), 2) if outcome.offsets else None,
            "events": len(outcome.offsets),
        },
        "misses": outcome.misses,
        "not_in_the_catalogue": media_catalogue.REAL,
        "seconds": round(time.monotonic() - began, 1),
        "n": outcome.files,
        "interval": {"right_share": wilson(outcome.right, outcome.files)},
        "inputs_sha256": digest,
    }


if __name__ == "__main__":
    if sys.argv[1:2] == ["worker"]:
        _work(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        finish(run(), GOAL)
