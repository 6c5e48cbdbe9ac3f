"""The house: imports point down, the tree explains the system, the repository speaks of the product alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = [
    "core",
    "audit",
    "generate",
    "detect",
    "policy",
    "provenance",
    "pipeline",
    "delivery",
    "review_ui",
    "greenroom",
]


def test_imports_point_down_only():
    answer = subprocess.run(
        [Path(sys.executable).parent / "lint-imports"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert answer.returncode == 0, answer.stdout


def test_every_module_says_what_it_is():
    silent = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.stat().st_size
        and not path.read_text(encoding="utf-8").lstrip().startswith('"""')
        and "versions" not in path.parts
    ]
    assert silent == []


def test_tracked_files_stay_small():
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    large = [
        name
        for name in names.splitlines()
        if (ROOT / name).is_file()
        and (ROOT / name).stat().st_size > (25 if name.endswith((".safetensors", ".onnx")) else 4) * 1e6
    ]
    assert large == []
