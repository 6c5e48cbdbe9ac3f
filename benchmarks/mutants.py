"""Damaged and forged variants of a signed video: none may be reported trusted outside the standard's exclusions.

Each mutant goes through the verifier's own parts (the library in a process of its own that reads many files, our
structure walk, our judgement). A mutant that ends or hangs that process is counted and the process started anew.
200 mutants with a fixed seed; ``FULL=1``: 10,000.

Exclusions: bytes that the hard binding leaves out (C2PA 2.4 section 18.7: the C2PA boxes themselves, `ftyp`, `mfra`).
We check `ftyp`, `mfra` and the C2PA boxes' headers too, so what remains is listed by ``EXCLUDED``.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.harness import finish, full, inputs_digest, wilson
from core.media.boxes import top_level

GOAL = {"trusted_outside_exclusions": "== 0", "crashed": "== 0", "hung": "== 0"}
SEED = 20_260_901
HANG_SECONDS = 60.0

EXCLUDED: tuple[str, ...] = ()
"""Kinds of mutation that may stay trusted: none. A bit flip can still hit one of the few unsigned encoding bytes
of the timestamp token (docs/credentials.md, "Exclusions"); the count then says so."""

INJECTED = (
    b"<script>alert(1)</script>",
    b"'; DROP TABLE marks;--",
    b"{{7*7}}",
    b"\xff\xfe\x00\x00",
    b"http://169.254.1.1/",
)


@dataclass(frozen=True)
class Mutant:
    """One variant: what was done, and the bytes."""

    kind: str
    data: bytes


@dataclass
class Material:
    """What mutants are made of: the victim (published) and a donor, another file signed by the same signer."""

    victim: bytes
    donor: bytes

    def boxes(self, data: bytes) -> list[tuple[str, int, int]]:
        """(kind, start with header, end) of the top-level boxes."""
        with tempfile.TemporaryFile() as file:
            file.write(data)
            file.flush()
            found = list(top_level(file))
        starts = [0, *(box.end for box in found[:-1])]
        return [(box.kind, start, box.end) for box, start in zip(found, starts, strict=True)]


def mutants(material: Material, count: int, seed: int = SEED) -> Iterator[Mutant]:
    """``count`` mutants, the same for the same seed and material; every kind in turn."""
    rng = random.Random(seed)
    boxes, others = material.boxes(material.victim), material.boxes(material.donor)
    kinds = [_bit, _bit, _bit, _bytes, _truncate, _splice, _transplant, _swap, _duplicate, _remove, _inject, _append,
             _stray_manifest, _header]  # fmt: skip
    made = 0
    while made < count:
        mutant = kinds[made % len(kinds)](rng, material, boxes, others)
        if mutant.data != material.victim:
            made += 1
            yield mutant


Boxes = list[tuple[str, int, int]]


def _bit(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    """One bit, in a box chosen first, so that small boxes get their share."""
    kind, start, end = rng.choice(boxes)
    at = rng.randrange(start, end)
    data = bytearray(m.victim)
    data[at] ^= 1 << rng.randrange(8)
    return Mutant(f"bit in {kind}", bytes(data))


def _bytes(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    kind, start, end = rng.choice(boxes)
    at, length = rng.randrange(start, end), rng.randint(2, 64)
    return Mutant(f"bytes in {kind}", m.victim[:at] + rng.randbytes(length) + m.victim[at + length :])


def _truncate(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    return Mutant("truncated", m.victim[: rng.randrange(1, len(m.victim))])


def _splice(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    """A run of the donor's bytes, at the same place or shifting what follows."""
    length = rng.randint(16, 4096)
    at, source = rng.randrange(len(m.victim)), rng.randrange(len(m.donor))
    after = at + (length if rng.random() < 0.5 else 0)
    return Mutant("splice", m.victim[:at] + m.donor[source : source + length] + m.victim[after:])


def _transplant(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    """Another file's credential, or ours on another file's media."""
    ours = [m.victim[start:end] for kind, start, end in boxes if kind == "uuid"]
    theirs = [m.donor[start:end] for kind, start, end in others if kind == "uuid"]
    if rng.random() < 0.5:
        return Mutant("transplanted credential", m.victim.replace(ours[-1], theirs[-1]))
    data = b"".join(m.donor[start:end] for kind, start, end in others if kind != "uuid")
    return Mutant(
        "credential moved to another file", data + b"".join(rng.sample(ours, rng.randint(1, len(ours))))
    )


def _swap(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    """A media box of the other file: other sound, other picture, or both."""
    kind = rng.choice(["mdat", "moov", "ftyp", "free"])
    ours = [(start, end) for name, start, end in boxes if name == kind]
    theirs = [(start, end) for name, start, end in others if name == kind]
    if not ours or not theirs:
        return _bytes(rng, m, boxes, others)
    (start, end), (first, last) = ours[0], theirs[0]
    if kind == "mdat":  # only a run in the middle, as when sound packets are exchanged
        length = min(end - start, last - first) // rng.randint(2, 8)
        middle = start + (end - start - length) // 2
        data = m.victim[:middle] + m.donor[first + 8 : first + 8 + length] + m.victim[middle + length :]
        return Mutant("swapped samples", data)
    return Mutant(f"swapped {kind}", m.victim[:start] + m.donor[first:last] + m.victim[end:])


def _duplicate(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    kind, start, end = rng.choice(boxes)
    at = rng.choice([end, len(m.victim)])
    return Mutant(f"duplicated {kind}", m.victim[:at] + m.victim[start:end] + m.victim[at:])


def _remove(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    kind, start, end = rng.choice(boxes)
    return Mutant(f"removed {kind}", m.victim[:start] + m.victim[end:])


def _inject(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    """Hostile text over text of the manifest."""
    _, start, end = rng.choice([box for box in boxes if box[0] == "uuid"])
    text = rng.choice(INJECTED)
    words = [
        m.victim.find(word, start, end)
        for word in (b"Greenroom", b"c2pa.actions", b"com.greenroom", b"urn:c2pa")
    ]
    at = rng.choice([word for word in words if word >= 0])
    return Mutant("injected text", m.victim[:at] + text + m.victim[at + len(text) :])


def _append(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    """A box that was not there."""
    kind = rng.choice([b"free", b"skip", b"mfra", b"uuid", b"udta", b"mdat", b"moof", b"abcd"])
    payload = rng.randbytes(rng.randint(0, 64))
    box = (8 + len(payload)).to_bytes(4, "big") + kind + payload
    at = rng.choice([0, *(end for _, _, end in boxes)])
    return Mutant(f"added {kind.decode()}", m.victim[:at] + box + m.victim[at:])


def _stray_manifest(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    """A manifest of the donor put beside ours inside the C2PA box, with all sizes made right."""
    _, start, end = rng.choice([box for box in boxes if box[0] == "uuid"])
    _, first, last = next(box for box in others if box[0] == "uuid")
    ours, theirs = m.victim[start:end], m.donor[first:last]
    at, from_ = ours.index(b"jumb") - 4, theirs.index(b"jumb") - 4
    inner = from_ + 8 + int.from_bytes(theirs[from_ + 8 : from_ + 12], "big")  # after the store's description
    stray = theirs[inner:]
    grown = ours[:at] + (len(ours) - at + len(stray)).to_bytes(4, "big") + ours[at + 4 :] + stray
    grown = len(grown).to_bytes(4, "big") + grown[4:]
    # At the end of the file nothing else moves; elsewhere the media offsets would, which is easier to find.
    return Mutant("unreferenced manifest", m.victim[:start] + grown + m.victim[end:])


def _header(rng: random.Random, m: Material, boxes: Boxes, others: Boxes) -> Mutant:
    """The header of a C2PA box: version, flags, purpose, offset, sizes."""
    _, start, _ = rng.choice([box for box in boxes if box[0] == "uuid"])
    at = start + rng.randrange(0, 60)
    data = bytearray(m.victim)
    data[at] = rng.randrange(256)
    return Mutant("credential header", bytes(data))


@dataclass
class Outcome:
    """How the mutants ended."""

    states: Counter[str] = field(default_factory=Counter)
    trusted: list[str] = field(default_factory=list)
    crashed: int = 0
    hung: int = 0
    tried: int = 0


def judge_all(found: Iterator[Mutant], anchors: str, folder: Path) -> Outcome:
    """The state of each mutant by the verifier's own parts."""
    outcome = Outcome()
    worker: Worker | None = None
    path = folder / "mutant.mp4"
    for mutant in found:
        path.write_bytes(mutant.data)
        worker = worker or Worker(anchors)
        answer = worker.ask(path)
        outcome.tried += 1
        if answer in ("crashed", "hung"):
            outcome.crashed += answer == "crashed"
            outcome.hung += answer == "hung"
            worker.close()
            worker = None
        outcome.states[answer] += 1
        if answer == "trusted":
            outcome.trusted.append(mutant.kind)
    if worker is not None:
        worker.close()
    return outcome


class Worker:
    """A process that reads file after file, so that a crash of the library is one mutant's and not ours."""

    def __init__(self, anchors: str):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.mutants", "worker"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._say(anchors)

    def _say(self, value: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value) + "\n")
        self._process.stdin.flush()

    def ask(self, path: Path) -> str:
        assert self._process.stdout is not None
        try:
            self._say(str(path))
        except BrokenPipeError:
            return "crashed"
        ready, _, _ = select.select([self._process.stdout], [], [], HANG_SECONDS)
        if not ready:
            return "hung"
        return self._process.stdout.readline().strip() or "crashed"

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it did not read any more
                    pipe.close()


def _work() -> None:
    """In the worker: anchors on the first line, then a path a line; answers with the judged state."""
    from provenance import reader_child
    from provenance.judgement import judge
    from provenance.reader import RawReading
    from provenance.structure import structure
    from provenance.trust import library_settings

    # One worker reads many files: the walls around a child are tested elsewhere.
    reader_child.lock = frozenset  # type: ignore[attr-defined]
    settings = [library_settings(json.loads(sys.stdin.readline()))]
    for line in sys.stdin:
        path = Path(json.loads(line))
        descriptor = os.open(path, os.O_RDONLY)
        try:
            reply = reader_child.answer({"file": descriptor}, settings)
        finally:
            os.close(descriptor)
        raw = RawReading(
            reply["status"],
            "own",
            reply.get("embedded") is True,
            str(reply.get("error", "")),
            reply.get("store") or {},
        )
        print(judge(raw, structure(path)).state, flush=True)


def material(folder: Path) -> tuple[Material, str]:
    """A published two-second video and another one, under a development authority made for this."""
    import warnings
    from fractions import Fraction

    import numpy as np

    from core.errors import DevelopmentPart
    from core.media.encode import VideoWriter
    from provenance.credential import publish, seal
    from provenance.models import ApprovalFacts, GateFact, SealFacts
    from provenance.pki import init_pki
    from provenance.signer import FileSigner
    from provenance.timestamp import DevelopmentTimestamps, TimestampAuthority

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevelopmentPart)
        pki = init_pki(folder / "pki")
    clock = DevelopmentTimestamps(TimestampAuthority.of(pki))
    signer = FileSigner.load(pki.key, pki.chain, timestamp_url=clock.url, development=True)
    anchors = pki.anchors.read_text()
    signed = []
    for index in range(2):
        rng = np.random.default_rng(index)
        picture = rng.integers(0, 255, (15, 20, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
        with VideoWriter(folder / f"{index}.mp4", 160, 120, Fraction(25), 16_000) as writer:
            for n in range(50):
                writer.write(np.roll(picture, n, axis=1))
                writer.write_sound(rng.normal(0, 0.05, 640).astype(np.float32))
        facts = SealFacts("standard", "0" * 64, (GateFact("lip_sync", "1", "pass"),), mark_id=index + 1)
        seal(folder / f"{index}.mp4", folder / f"s{index}.mp4", facts, signer, anchors=anchors)
        publish(
            folder / f"s{index}.mp4", folder / f"p{index}.mp4", ApprovalFacts("1" * 64, "seen"), signer,
            anchors=anchors,
        )  # fmt: skip
        signed.append((folder / f"p{index}.mp4").read_bytes())
    clock.close()
    return Material(*signed), anchors


def run() -> dict[str, Any]:
    count = 10_000 if full() else 200
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="greenroom-mutants-") as name:
        folder = Path(name)
        made, anchors = material(folder)
        outcome = judge_all(mutants(made, count), anchors, folder)
        digest = inputs_digest([folder / "p0.mp4", folder / "p1.mp4"])
    outside = [kind for kind in outcome.trusted if kind not in EXCLUDED]
    print(dict(outcome.states), Counter(outcome.trusted), file=sys.stderr)
    return {
        "tried": outcome.tried,
        "trusted_outside_exclusions": len(outside),
        "crashed": outcome.crashed,
        "hung": outcome.hung,
        "states": dict(outcome.states),
        "trusted_kinds": sorted(set(outcome.trusted)),
        "seconds": round(time.monotonic() - began, 1),
        "n": outcome.tried,
        "interval": {"trusted_outside_exclusions": wilson(len(outside), outcome.tried)},
        "inputs_sha256": digest,
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["worker"]:
        _work()
    else:
        finish(run(), GOAL)
