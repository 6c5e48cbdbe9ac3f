"""A library that a hostile file has taken over: in both confined children it can read, reach and change nothing."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core.media.wire import HEADER
from tests.security.taken_over import attempts

ROOT = Path(__file__).resolve().parents[2]
LIMITS = {"memory_bytes": 3_000_000_000, "cpu_seconds": 60}

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="the walls of Linux on x86_64 are tried; elsewhere the limits alone hold",
)

# Stands where c2pa would: its reader is the attacker.
LIBRARY = """
import json, os
from pathlib import Path
from tests.security.taken_over import outcome
class C2paError(Exception):
    class ManifestNotFound(Exception): pass
    class NotSupported(Exception): pass
class Settings:
    from_dict = staticmethod(lambda settings: settings)
class Context:
    def __init__(self, settings): pass
class Reader:
    def __init__(self, file, context): pass
    __enter__ = lambda self: self
    __exit__ = lambda self, *_: None
    is_embedded = lambda self: True
    def json(self): return json.dumps({"outcome": outcome(Path(%r), Path(%r)), "validation_state": "Trusted"})
"""

DECODER = """
import sys
from pathlib import Path
from core.media import child, child_jobs
from tests.security.taken_over import outcome
def attack(request, wire): wire.send_json(b"I", outcome(Path(sys.argv[2]), Path(sys.argv[3])))
child_jobs.JOBS["attack"] = attack
child.main(sys.argv[1])
"""

Child = Callable[[Path, Path, Path], dict[str, str]]


def credential_reader(folder: Path, secret: Path, victim: Path) -> dict[str, str]:
    (folder / "c2pa.py").write_text(LIBRARY % (str(secret), str(victim)), encoding="utf-8")
    with victim.open("rb") as file:
        answer = _run(
            ["-m", "provenance.reader_child"], {"file": file.fileno()}, [file.fileno()], f"{folder}:{ROOT}"
        )
    outcome: dict[str, str] = json.loads(answer)["store"]["outcome"]
    return outcome


def decoder(folder: Path, secret: Path, victim: Path) -> dict[str, str]:
    answer = _run(["-c", DECODER], {"job": "attack"}, [], str(ROOT), str(secret), str(victim))
    _kind, size, _ = HEADER.unpack(answer[: HEADER.size])
    outcome: dict[str, str] = json.loads(answer[HEADER.size : HEADER.size + size])
    return outcome


def _run(program: list[str], request: dict[str, object], keep: list[int], path: str, *rest: str) -> bytes:
    reader, writer = os.pipe()
    command = [
        sys.executable, "-s", "-P", *program, json.dumps({**LIMITS, **request, "out": writer}), *rest,
    ]  # fmt: skip
    try:
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, pass_fds=[*keep, writer], env={"PYTHONPATH": path}, cwd="/"
        ) as child:
            os.close(writer)
            child.communicate(b"[{}]", timeout=60)
        with os.fdopen(reader, "rb", closefd=False) as answer:
            return answer.read()
    finally:
        os.close(reader)


@pytest.mark.parametrize("child", [credential_reader, decoder])
def test_it_is_refused_all_but_computing(child: Child, tmp_path: Path):
    secret, victim = tmp_path / "keys" / "approvals.pem", tmp_path / "victim"
    secret.parent.mkdir()
    secret.write_text("a private key")
    victim.write_text("as it was")
    said = child(tmp_path, secret, victim)
    assert set(said) == {*attempts(secret, victim), "start a thread"}
    assert {name: what for name, what in said.items() if what != "PermissionError"} == {
        "start a thread": "done"
    }
    assert victim.read_text() == "as it was"
    assert {path.name for path in tmp_path.iterdir()} - {"c2pa.py", "__pycache__"} == {"keys", "victim"}


def test_the_units_leave_the_calls_that_build_the_walls():
    """systemd's groups of calls may lack these: a unit that names groups alone would forbid the walls, silently."""
    unit = (ROOT / "deploy/systemd/greenroom-.service.d/hardening.conf").read_text(encoding="utf-8")
    allowed = " ".join(
        line.partition("=")[2] for line in unit.splitlines() if line.startswith("SystemCallFilter=")
    )
    assert {"seccomp", "landlock_create_ruleset", "landlock_restrict_self"} <= set(allowed.split())
    assert "user" in unit.partition("RestrictNamespaces=")[2].splitlines()[0]


@pytest.mark.parametrize("denied", [317, 444])
def test_where_one_call_is_forbidden_the_other_wall_stands(denied: int):
    """Under a supervisor's filter that knows no seccomp(2), or no Landlock."""
    program = f"""
import ctypes, errno, struct
from core.media import child, walls
child.confine(2_000_000_000, 20)
steps = [walls._step(walls._LOAD, 0), walls._step(walls._EQUAL, {denied}, 0, 1)]
steps += [walls._step(walls._RETURN, walls._ERRNO | errno.EPERM), walls._step(walls._RETURN, walls._ALLOW)]
body = ctypes.create_string_buffer(b"".join(steps), 32)
ctypes.CDLL(None).prctl(22, 2, struct.pack("@HP", 4, ctypes.addressof(body)))
print(sorted(walls.lock()))
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.stdout.strip() == {317: "['calls', 'files']", 444: "['calls']"}[denied], ran.stderr
