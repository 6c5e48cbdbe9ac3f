"""A library that a hostile file has taken over: in the confined children it can read, reach and change nothing.

So in a process that starts from nothing, and in one that comes from a nursery."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from core.canonical import digest_file
from core.media import nurseries
from core.media.own import OwnFile
from core.media.starting import start
from core.media.wire import HEADER
from provenance import exchange
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

# Its builder, which reads ingredients: it says what it could do as the claim that it wants to have signed.
BUILDER = """
import json
from pathlib import Path
from tests.security.taken_over import outcome
class C2paSigningAlg: ES256 = None
class Settings:
    from_dict = staticmethod(lambda settings: settings)
class Context:
    def __init__(self, settings): pass
class Signer:
    from_callback = staticmethod(lambda callback, *_: callback)
class Builder:
    def __init__(self, manifest, context): pass
    def sign(self, callback, *_): callback(json.dumps(outcome(Path(%r), Path(%r))).encode())
"""

DECODER = """
import json
from pathlib import Path
from core.media import child, child_jobs
from tests.security.taken_over import outcome
def attack(request, wire): wire.send_json(b"I", outcome(Path(%r), Path(%r)))
child_jobs.JOBS["attack"] = attack
load, main = child.load, child.main
if __name__ == "__main__":
    import sys
    main(sys.argv[1])
"""

Child = Callable[[Path, Path, Path, str], dict[str, str]]
WAYS = ("fresh", "nursery")


@pytest.fixture(autouse=True)
def no_nursery_is_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(nurseries, "OPEN", {})
    yield
    for nursery in nurseries.OPEN.values():
        nursery.close()


def credential_reader(folder: Path, secret: Path, victim: Path, way: str) -> dict[str, str]:
    (folder / "c2pa.py").write_text(LIBRARY % (str(secret), str(victim)), encoding="utf-8")
    answer = _run("provenance.reader_child", {}, folder, victim, way)
    outcome: dict[str, str] = json.loads(answer)["store"]["outcome"]
    return outcome


def credential_builder(folder: Path, secret: Path, victim: Path, way: str) -> dict[str, str]:
    (folder / "c2pa.py").write_text(BUILDER % (str(secret), str(victim)), encoding="utf-8")
    given = {"settings": {}, "chain": "", "manifest": {}, "intent": "", "materials": []}
    with (folder.parent / f"{folder.name}.out").open("w+b") as out:
        request = {"file_bytes": 1_000_000}
        answer = _run("provenance.signing_child", request, folder, victim, way, given, [out.fileno()])
    _kind, size = exchange.HEADER.unpack(answer[: exchange.HEADER.size])
    outcome: dict[str, str] = json.loads(answer[exchange.HEADER.size :][:size])
    return outcome


def decoder(folder: Path, secret: Path, victim: Path, way: str) -> dict[str, str]:
    (folder / "taken_decoder.py").write_text(DECODER % (str(secret), str(victim)), encoding="utf-8")
    answer = _run("taken_decoder", {"job": "attack"}, folder, victim, way)
    _kind, size, _ = HEADER.unpack(answer[: HEADER.size])
    outcome: dict[str, str] = json.loads(answer[HEADER.size : HEADER.size + size])
    return outcome


def _run(
    module: str,
    request: Mapping[str, object],
    folder: Path,
    file: Path,
    way: str,
    given: object = ({},),
    more: Sequence[int] = (),
) -> bytes:
    """What a child of the product's own starting answers, in which a library is the attacker."""
    own = OwnFile(digest_file(file)) if way == "nursery" else None
    reader, writer = os.pipe()
    with file.open("rb") as opened:
        child = start(
            module,
            {**LIMITS, **request},
            file=opened,
            out=writer,
            more=more,
            given=json.dumps(given).encode(),
            environment={"PYTHONPATH": f"{folder}:{ROOT}"},
            own=own,
        )
        os.close(writer)
    with os.fdopen(reader, "rb") as answer:
        said = answer.read()
    child.kill()
    child.wait()
    assert bool(nurseries.OPEN) == (way == "nursery") == isinstance(child, nurseries.Forked)
    return said


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("child", [credential_reader, credential_builder, decoder])
def test_it_is_refused_all_but_computing(child: Child, way: str, tmp_path: Path):
    secret, victim = tmp_path / "keys" / "approvals.pem", tmp_path / "victim"
    secret.parent.mkdir()
    secret.write_text("a private key")
    victim.write_text("as it was")
    said = child(tmp_path, secret, victim, way)
    assert set(said) == {*attempts(secret, victim), "start a thread"}
    assert {name: what for name, what in said.items() if what != "PermissionError"} == {
        "start a thread": "done"
    }
    assert victim.read_text() == "as it was"
    made = {path.name for path in tmp_path.iterdir()} - {"c2pa.py", "taken_decoder.py", "__pycache__"}
    assert made == {"keys", "victim"}


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
try:
    open("/etc/hostname")
except OSError as error:
    print(type(error).__name__)  # the filter refuses to open files, too
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    stands = {317: "['calls', 'files']", 444: "['calls']"}[denied]
    assert ran.stdout.splitlines() == [stands, "PermissionError"], ran.stderr
