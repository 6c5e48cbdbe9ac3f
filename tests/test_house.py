"""The house: imports point down, the tree explains the system, the repository speaks of the product alone."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.packages import PACKAGES

ROOT = Path(__file__).parent.parent


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


def test_every_page_that_a_text_points_to_is_there():
    sources = [
        path
        for package in PACKAGES
        for kind in ("py", "html")
        for path in (ROOT / package).rglob(f"*.{kind}")
    ]
    sources += [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    named = {
        page
        for path in sources
        for page in re.findall(r"docs/[a-z_/0-9-]+\.md", path.read_text(encoding="utf-8"))
    }
    assert len(named) > 5
    assert sorted(page for page in named if not (ROOT / page).is_file()) == []
