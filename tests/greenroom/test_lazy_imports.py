"""Help and version answer at once, and processes start soon: no file loads a library that only its work needs."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {
    "torch", "cv2", "numpy", "scipy", "sqlalchemy", "alembic", "mediapipe", "av", "pydantic", "pydantic_settings",
    "fastapi", "celery", "openvino", "onnxruntime", "rich", "yaml", "cryptography",
}  # fmt: skip

# Every verb and every action below it, by its own parser; then what has been loaded.
WALK = """
import argparse, contextlib, io, json, sys
from greenroom.cli import build_parser, main

def commands(parser, words=()):
    yield list(words)
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, below in action.choices.items():
                yield from commands(below, (*words, name))

tried = [[*words, "--help"] for words in commands(build_parser())] + [["--version"], ["--version", "--json"]]
loaded = {}
for arguments in tried:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        try:
            main(arguments)
        except SystemExit as ended:
            assert not ended.code, arguments
    assert out.getvalue(), arguments
    loaded[" ".join(arguments)] = sorted({name.split(".")[0] for name in sys.modules} & set(sys.argv[1:]))
print(json.dumps(loaded))
"""


def test_no_help_and_no_version_loads_anything_heavy() -> None:
    ran = subprocess.run(
        [sys.executable, "-c", WALK, *sorted(HEAVY)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = json.loads(ran.stdout)
    assert len(loaded) > 35
    assert {command: names for command, names in loaded.items() if names} == {}


@pytest.mark.parametrize("arguments", [["--version"], ["verify", "--help"], ["up", "--help"]])
def test_they_take_less_than_half_a_second_of_cpu(arguments: list[str]) -> None:
    def cpu() -> float:
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    spent = []
    for _ in range(3):
        before = cpu()
        subprocess.run(
            [sys.executable, "-m", "greenroom.cli", *arguments], cwd=ROOT, capture_output=True, check=True
        )
        spent.append(cpu() - before)
    assert min(spent) < 0.5, spent


def test_no_process_waits_at_its_start_for_what_a_stage_alone_needs() -> None:
    """The web, both workers, relay and sequencer are restarted one after the other at each upgrade."""
    program = "import json, sys, greenroom.web, greenroom.worker, greenroom.relay, greenroom.sequencer"
    loaded = subprocess.run(
        [sys.executable, "-c", program + "\nprint(json.dumps(list(sys.modules)))"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    late = {
        "torch",
        "mediapipe",
        "openvino",
        "onnxruntime",
        "jsonschema",
        "scipy.signal",
        "scipy.stats",
        "pyloudnorm",
        "c2pa",
    }
    assert late & set(json.loads(loaded.stdout)) == set()
