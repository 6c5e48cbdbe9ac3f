"""Does the verifier ever call a wrong file right? Every verdict, with the copy attacks, on real picture and sound.

One base is four seconds of a speaking face at 1280x720, marked, encoded, fingerprinted, sealed and published under a
development authority, with a registry in memory and the verifier's real senses. Small: the sample presenter alone, or
with a real clip of ``GREENROOM_TEST_MEDIA`` (with its own sound). ``FULL=1``: bases until each verdict has 50 files.

``false_intact_or_copy`` counts files that were called ``intact`` or ``reencoded_copy`` and are neither.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, Literal

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.harness import finish, full, inputs_digest, media, wilson
from core.errors import DevelopmentPart
from core.media.decode import frames, sound
from core.media.encode import SOUND_RATE, VideoWriter
from core.perception.watch import watch
from generate.presenter import sample_presenter
from provenance.credential import publish, seal
from provenance.fingerprint import Fingerprinter
from provenance.mark import MarkEmbedder
from provenance.models import Anchors, ApprovalFacts, GateFact, RegistryEntry, SealFacts
from provenance.pki import init_pki
from provenance.senses import RealSenses
from provenance.signer import FileSigner
from provenance.timestamp import DevelopmentTimestamps, TimestampAuthority
from provenance.verify import verify

GOAL = {"false_intact_or_copy": "== 0", "correct": ">= 0.99"}
KEY = b"verify-confusion benchmark key"
WIDTH, HEIGHT, RATE, SECONDS = 1280, 720, 25, 4
PER_VERDICT = 50

Image = NDArray[np.uint8]
Pictures = list[Image]


@dataclass
class Clip:
    """Decoded material: pictures at 25 a second and float32 mono sound at 48 kHz."""

    pictures: Pictures
    sound: NDArray[np.float32]


@dataclass
class Base:
    """One asset of ours and its raw material; ``other`` is a second asset with another mark."""

    name: str
    marked: Clip
    unmarked: Clip
    published: Path
    sealed: Path
    entry: RegistryEntry
    digests: tuple[str, ...]


@dataclass
class Desk:
    """Who signs, who is trusted, and a stranger."""

    signer: FileSigner
    stranger: FileSigner
    anchors: Anchors


@dataclass
class Memory:
    """The registry of one question: some assets with the release state that the case needs."""

    entries: dict[str, RegistryEntry] = field(default_factory=dict)

    def find_mark(self, mark_id: int) -> RegistryEntry | None:
        return next((entry for entry in self.entries.values() if entry.mark_id == mark_id), None)

    def find_asset(self, sha256: str) -> RegistryEntry | None:
        return self.entries.get(sha256)

    def find_essence(self, essence: str) -> RegistryEntry | None:
        return next((entry for entry in self.entries.values() if entry.essence == essence), None)


@dataclass(frozen=True)
class Case:
    """A file, what it is, and the answer that is right."""

    name: str
    expected: str
    path: Path
    release: Literal["released", "recalled", "withdrawn", "unreleased"] = "released"
    published: bool = True


def clip_of(path: Path, start: float) -> Clip:
    """Four seconds of a video, fitted into 1280x720 as a campaign composes it."""
    wanted = [start + n / RATE for n in range(SECONDS * RATE)]
    pictures: Pictures = []
    for frame in frames(path):
        while len(pictures) < len(wanted) and float(frame.time) >= wanted[len(pictures)] - 1e-6:
            pictures.append(fitted(frame.image))
        if len(pictures) == len(wanted):
            break
    samples = sound(path, SOUND_RATE)[round(start * SOUND_RATE) : round((start + SECONDS) * SOUND_RATE)]
    return Clip(pictures, samples)


def fitted(image: Image) -> Image:
    height, width = image.shape[:2]
    if (width, height) == (WIDTH, HEIGHT):
        return image
    scale = min(WIDTH / width, HEIGHT / height)
    small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    canvas: NDArray[np.uint8] = cv2.GaussianBlur(cv2.resize(image, (WIDTH, HEIGHT)), (0, 0), 25)
    top, left = (HEIGHT - small.shape[0]) // 2, (WIDTH - small.shape[1]) // 2
    canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
    return canvas


def write(clip: Clip, out: Path, *, crf: int = 18, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    per = SOUND_RATE // RATE
    with VideoWriter(out, *size, Fraction(RATE), SOUND_RATE, crf=crf) as writer:
        for index, picture in enumerate(clip.pictures):
            writer.write(picture if size == (WIDTH, HEIGHT) else cv2.resize(picture, size))
            writer.write_sound(clip.sound[index * per : (index + 1) * per])
    return out


def marked_with(clip: Clip, mark_id: int) -> Clip:
    embed = MarkEmbedder(mark_id, WIDTH, HEIGHT, KEY)
    return Clip([embed(index, picture) for index, picture in enumerate(clip.pictures)], clip.sound)


def desk(folder: Path) -> Iterator[Desk]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DevelopmentPart)
        ours, theirs = init_pki(folder / "ours"), init_pki(folder / "theirs")
    clocks = [DevelopmentTimestamps(TimestampAuthority.of(pki)) for pki in (ours, theirs)]
    signers = [
        FileSigner.load(pki.key, pki.chain, timestamp_url=clock.url, development=True)
        for pki, clock in zip((ours, theirs), clocks, strict=True)
    ]
    yield Desk(signers[0], signers[1], Anchors(own=ours.anchors.read_text()))
    for clock in clocks:
        clock.close()


def facts(mark_id: int) -> SealFacts:
    return SealFacts("standard", "0" * 64, (GateFact("lip_sync", "1", "pass"),), mark_id=mark_id)


def make_base(name: str, clip: Clip, mark_id: int, folder: Path, who: Desk) -> Base:
    """Through the trust steps that matter here: mark, encode, fingerprint, seal, publish."""
    examined = write(marked_with(clip, mark_id), folder / f"{name}-examined.mp4")
    fingerprinter = Fingerprinter()
    watch(examined, [fingerprinter])
    fingerprint = fingerprinter.fingerprint(sound(examined))
    sealed = seal(
        examined, folder / f"{name}-sealed.mp4", facts(mark_id), who.signer, anchors=who.anchors.own
    )
    approval = ApprovalFacts("1" * 64, "seen")
    out = publish(
        sealed.path, folder / f"{name}-published.mp4", approval, who.signer, anchors=who.anchors.own
    )
    entry = RegistryEntry(out.sha256, out.essence, mark_id, "released", lambda: fingerprint)
    decoded = Clip([frame.image for frame in frames(out.path)], sound(out.path, SOUND_RATE))
    return Base(name, decoded, clip, out.path, sealed.path, entry, (out.sha256, sealed.sha256))


def cases(base: Base, other: Base, folder: Path, who: Desk) -> Iterator[Case]:
    """Files of every verdict made from one base; ``other`` gives faces, sound and a second mark."""

    def at(name: str) -> Path:
        return folder / f"{base.name}-{name}.mp4"

    def case(name: str, expected: str, clip: Clip | None = None, **how: Any) -> Case:
        state = {key: how.pop(key) for key in ("release", "published") if key in how}
        path = how.pop("path", None) or write(clip or base.marked, at(name), **how)
        return Case(name, expected, path, **state)

    pictures, samples = base.marked.pictures, base.marked.sound
    half = (SECONDS // 2) * RATE
    cut = SOUND_RATE // RATE

    def taken(order: list[int]) -> Clip:
        return Clip(
            [pictures[n] for n in order], np.concatenate([samples[n * cut : (n + 1) * cut] for n in order])
        )

    # right answers: yes
    yield case("published", "intact", path=base.published)
    yield case("crf23", "reencoded_copy", crf=23)
    yield case("crf28", "reencoded_copy", crf=28)
    yield case("960x540", "reencoded_copy", crf=23, size=(960, 540))
    yield case("remux", "reencoded_copy", path=remux(base.published, at("remux")))
    # ours, but no
    yield case("sealed", "unreleased", path=base.sealed)
    yield case("before release", "unreleased", path=base.published, release="unreleased", published=False)
    yield case("unreleased-copy", "unreleased", crf=23, release="unreleased", published=False)
    yield case("recalled", "recalled", path=base.published, release="recalled")
    yield case("recalled-copy", "recalled", crf=28, release="recalled")
    yield case("withdrawn", "withdrawn", path=base.published, release="withdrawn")
    yield case("withdrawn-copy", "withdrawn", crf=28, release="withdrawn")
    # changed
    yield case("bit", "tampered", path=flipped(base.published, at("bit")))
    yield case("face", "tampered", Clip(with_face(pictures, other.marked.pictures), samples), crf=20)
    sounded = np.resize(other.marked.sound, samples.shape)
    yield case("new-sound", "tampered", Clip(pictures, sounded.astype(np.float32)), crf=20)
    silent = np.concatenate([samples[: len(samples) // 2], np.zeros_like(samples[len(samples) // 2 :])])
    yield case("silenced", "tampered", Clip(pictures, silent), crf=20)
    order = list(range(len(pictures)))
    yield case("seconds-removed", "tampered", taken(order[:30] + order[60:]), crf=20)
    yield case("seconds-reordered", "tampered", taken(order[half:] + order[:half]), crf=20)
    yield case("excerpt", "tampered", taken(order[:half]), crf=20)
    lifted = lifted_onto(base, other.unmarked)
    yield case("mark-lifted", "tampered", lifted, crf=20)
    yield case("mark-forged", "tampered", marked_with(other.unmarked, base.entry.mark_id or 0), crf=20)
    # manifests that moved
    bare = write(other.unmarked, at("bare"), crf=20)
    yield case("manifest-on-unmarked", "tampered", path=with_manifest(base.sealed, bare, at("moved")))
    carrier = write(other.marked, at("carrier"), crf=20)
    yield case(
        "manifest-on-marked",
        "credential_mark_disagree",
        path=with_manifest(base.sealed, carrier, at("moved2")),
    )
    foreign = seal(base.published, at("resigned"), replace(facts(9), parent=None), who.stranger)
    yield case("resigned-by-stranger", "credential_mark_disagree", path=foreign.path)
    # not ours
    signed = seal(bare, at("foreign"), facts(9), who.stranger)
    yield case("foreign", "foreign_c2pa", path=signed.path)
    yield case("unmarked", "nothing_found", path=bare)
    yield case("base-unmarked", "nothing_found", base.unmarked, crf=20)
    # unreadable
    cut_off = at("truncated")
    cut_off.write_bytes(base.published.read_bytes()[:-20_000])
    yield case("truncated", "unreadable", path=cut_off)
    text = at("text")
    text.write_bytes(b"this is no video\n" * 99)
    yield case("text", "unreadable", path=text)


def remux(path: Path, out: Path) -> Path:
    """The same packets in a new container."""
    with av.open(str(path)) as source, av.open(str(out), "w") as target:
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    return out


def flipped(path: Path, out: Path) -> Path:
    """One bit of the picture changed."""
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat")
    data[at + 20_000] ^= 1
    out.write_bytes(data)
    return out


def with_manifest(donor: Path, body: Path, out: Path) -> Path:
    """The donor's credential box behind another file's media."""
    data = donor.read_bytes()
    first = int.from_bytes(data[:4], "big")
    length = int.from_bytes(data[first : first + 4], "big")
    out.write_bytes(body.read_bytes() + data[first : first + length])
    return out


def with_face(pictures: Pictures, donors: Pictures) -> Pictures:
    """The middle of another face blended over the face: a plain face replacement, feathered, colour-matched."""
    height, width = HEIGHT // 2, WIDTH // 5
    top, left = HEIGHT // 5, (WIDTH - width) // 2
    mask = np.zeros((height, width), np.float32)
    cv2.ellipse(mask, (width // 2, height // 2), (width * 2 // 5, height * 2 // 5), 0, 0, 360, 1, -1)
    soft = cv2.GaussianBlur(mask, (0, 0), 9)[..., None]
    changed = []
    for picture, donor in zip(pictures, donors, strict=False):
        place = picture[top : top + height, left : left + width].astype(np.float32)
        face = donor[top : top + height, left : left + width].astype(np.float32)
        face += place.mean((0, 1)) - face.mean((0, 1))
        result = picture.copy()
        blended = place * (1 - soft) + face * soft
        result[top : top + height, left : left + width] = np.clip(blended, 0, 255).astype(np.uint8)
        changed.append(result)
    return changed


def lifted_onto(base: Base, clip: Clip) -> Clip:
    """The mark estimated from one video (mean of what a denoiser takes out) and pasted onto another."""
    residue = np.zeros((HEIGHT, WIDTH), np.float32)
    for picture in base.marked.pictures:
        grey = cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY).astype(np.float32)
        residue += grey - cv2.GaussianBlur(grey, (0, 0), 3)
    residue = np.clip(residue / len(base.marked.pictures), -6, 6)[..., None]
    pasted = [np.clip(picture + residue, 0, 255).astype(np.uint8) for picture in clip.pictures]
    return Clip(pasted, clip.sound)


def materials() -> Iterator[tuple[str, Path, float]]:
    """(name, file, start): the presenter first, then real clips one a speaker, then more of each."""
    presenter = sample_presenter()
    yield "presenter0", presenter, 1.0
    folder = media()
    real: list[Path] = []
    if folder is not None:
        real = sorted((folder / "real").glob("*-01.*"))
        if real:
            yield real[0].stem, real[0], 0.5
        else:
            yield "presenter1", presenter, 8.0
    else:
        yield "presenter1", presenter, 8.0
    for n in range(4):
        yield f"presenter{n + 2}", presenter, 5.0 + 4.0 * n
    for path in real[1:]:
        yield path.stem, path, 0.5


def run() -> dict[str, Any]:
    began = time.monotonic()
    wanted = PER_VERDICT if full() else 1
    confusion: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    used: set[Path] = set()
    with tempfile.TemporaryDirectory(prefix="greenroom-confusion-") as name:
        folder = Path(name)
        for who in desk(folder):
            bases: list[Base] = []
            for index, (title, path, start) in enumerate(materials()):
                clip = clip_of(path, start)
                if len(clip.pictures) < SECONDS * RATE or len(clip.sound) < SECONDS * SOUND_RATE:
                    continue
                used.add(path)
                bases.append(make_base(title, clip, 1_000_000 + 7 * index, folder, who))
                say(f"base {title} after {time.monotonic() - began:.0f} s")
                if len(bases) < 2:
                    continue
                pairs = [(bases[-1], bases[-2])] if len(bases) > 2 else [(bases[0], bases[1])]
                for base, other in pairs:
                    for case in cases(base, other, folder, who):
                        got = answer(case, base, other, who)
                        confusion[case.expected, got] += 1
                        say(
                            f"{base.name}/{case.name}: {got}"
                            + ("" if got == case.expected else f" ({case.expected})")
                        )
                        if got != case.expected:
                            wrong.append(f"{base.name}/{case.name}: {got}, not {case.expected}")
                totals = Counter(expected for expected, _ in confusion.elements())
                if min(totals.values()) >= wanted:
                    break
    return summary(confusion, wrong, used, time.monotonic() - began)


def answer(case: Case, base: Base, other: Base, who: Desk) -> str:
    """The verifier's verdict, with the registry in the state that the case is about."""
    entry = replace(base.entry, release=case.release)
    if not case.published:
        entry = replace(entry, asset_sha256=base.digests[1])
    registry = Memory(dict.fromkeys(base.digests if case.published else base.digests[1:], entry))
    registry.entries |= dict.fromkeys(other.digests, other.entry)
    return verify(case.path, registry=registry, anchors=who.anchors, senses=RealSenses(key=KEY)).verdict


def summary(
    confusion: Counter[tuple[str, str]], wrong: list[str], used: set[Path], seconds: float
) -> dict[str, Any]:
    files = sum(confusion.values())
    yes: Callable[[str], bool] = lambda verdict: verdict in ("intact", "reencoded_copy")  # noqa: E731
    false = sum(n for (expected, got), n in confusion.items() if yes(got) and not yes(expected))
    correct = sum(n for (expected, got), n in confusion.items() if expected == got)
    noes = sum(n for (expected, _), n in confusion.items() if not yes(expected))
    return {
        "false_intact_or_copy": false,
        "correct": round(correct / max(files, 1), 4),
        "files": files,
        "confusion": {f"{expected} -> {got}": n for (expected, got), n in sorted(confusion.items())},
        "wrong": wrong,
        "media": "GREENROOM_TEST_MEDIA" if media() else "the sample presenter",
        "seconds": round(seconds, 1),
        "n": files,
        "interval": {"false_intact_or_copy": wilson(false, noes), "correct": wilson(correct, files)},
        "inputs_sha256": inputs_digest(used),
    }


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    finish(json.loads(json.dumps(run())), GOAL)
