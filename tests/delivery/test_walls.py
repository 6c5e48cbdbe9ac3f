"""Who reads files asks at its start whether the walls around the readers stand; production insists."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from core.media import standing
from core.settings import get_settings
from delivery.errors import UnfitParts
from delivery.parts import cautions, check_start, faults
from delivery.walls import check_walls, wall_cautions, wall_faults

ROOT = Path(__file__).resolve().parents[2]
SECCOMP, PRCTL, LANDLOCK = 317, 157, 444

linux = pytest.mark.skipif(sys.platform != "linux", reason="the walls are Linux's")


def standing_where_denied(*calls: int) -> str:
    """What a process of ours is told that runs under a supervisor's filter which forbids these calls."""
    program = f"""
import ctypes, errno, struct
from core.media import walls
from core.media.standing import standing_walls
steps = [walls._step(walls._LOAD, 0)]
for call in {calls}:
    steps += [walls._step(walls._EQUAL, call, 0, 1), walls._step(walls._RETURN, walls._ERRNO | errno.EPERM)]
steps.append(walls._step(walls._RETURN, walls._ALLOW))
body = ctypes.create_string_buffer(b"".join(steps), 8 * len(steps))
libc = ctypes.CDLL(None)
libc.prctl(38, 1, 0, 0, 0)
libc.prctl(22, 2, struct.pack("@HP", len(steps), ctypes.addressof(body)))
print(sorted(standing_walls()))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    return ran.stdout.strip() or ran.stderr


@linux
@pytest.mark.parametrize(
    ("denied", "answer"),
    [((), "['calls', 'files']"), ((LANDLOCK,), "['calls']"), ((SECCOMP, PRCTL), "['files']")],
)
def test_a_child_is_asked_and_says_what_stands(denied: tuple[int, ...], answer: str):
    assert standing_where_denied(*denied) == answer


@linux
def test_asking_locks_nobody_who_asks():
    standing.standing_walls.cache_clear()
    assert standing.standing_walls() == standing.WALLS
    assert Path(__file__).read_text(encoding="utf-8"), "this process still opens files"


@pytest.fixture
def walls(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What is said to stand."""
    said: set[str] = set()
    monkeypatch.setattr("delivery.walls.standing_walls", lambda: frozenset(said))
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "production")
    get_settings.cache_clear()
    return said


def test_production_does_not_read_files_without_the_filter_of_calls(walls: set[str]):
    walls.add("files")
    with pytest.raises(UnfitParts, match="other processes"):
        check_walls()
    assert "no_wall_of_calls" in {fault.code for fault in faults(get_settings())}, "and nothing is released"


def test_one_wall_too_few_is_said_aloud(walls: set[str]):
    walls.add("calls")
    (line,) = check_walls()
    assert "no Landlock" in line
    assert wall_faults() == []
    assert "no_wall_of_files" in {fault.code for fault in cautions(get_settings())}


def test_outside_of_production_it_is_said_and_everything_starts(
    walls: set[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "demo")
    get_settings.cache_clear()
    (line,) = check_walls()
    assert "no_wall_of_calls" in line and any(line == said for said in check_start())
    assert [fault.code for fault in wall_cautions(get_settings())] == ["no_wall_of_calls"]


def test_where_both_stand_nothing_is_said(walls: set[str]):
    walls |= {"files", "calls"}
    assert check_walls() == []
