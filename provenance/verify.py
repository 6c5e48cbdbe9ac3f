"""Is this video what it claims to be? (trust step 10, and anyone's question later.)

Independent of the signer: only the file, the anchors and the registry are asked. A mark alone proves nothing: it
can be lifted. ``reencoded_copy`` needs the stored fingerprint of the named asset to agree second by second in
picture, face region and speech; any second that does not makes the file tampered. Everything fails closed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from core.canonical import digest_file_once
from core.errors import MediaError
from core.media.models import Presentation
from core.media.own import OwnFile
from core.media.reading import read
from core.settings import MediaSettings
from provenance.judgement import Judgement, judge
from provenance.models import (
    Agreement,
    Anchors,
    Difference,
    Problem,
    Registry,
    RegistryEntry,
    Release,
    VerifyReport,
    VerifyVerdict,
)
from provenance.reader import RawReading, holds_manifest, read_raw
from provenance.structure import Structure, structure
from provenance.trust import anchors_of
from provenance.verdicts import INTACT_OFFLINE, SENTENCES, first_that_holds

if TYPE_CHECKING:
    from provenance.fingerprint import Fingerprint
    from provenance.mark import MarkReading

MOSTLY = 0.5  # share of seconds that makes a file recognisable as (part of) an asset that was taken back
TAKEN_BACK: tuple[Literal["withdrawn", "recalled"], ...] = ("withdrawn", "recalled")
MOST_DIFFERENCES = 100
DIFFERS = {
    "picture": "The picture differs from the released video.",
    "face": "The face differs from the released video.",
    "speech": "The sound differs from the released video.",
    "order": "Seconds were removed, added or reordered.",
}
IMAGES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*")
IMAGE_BRANDS = (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftypavif", b"WEBP")


class Senses(Protocol):
    """How the verifier sees: marks and fingerprints. Real ones in :mod:`provenance.senses`; tests may inject."""

    def mark(self, path: Path, expected: int | None) -> MarkReading:
        """Read a mark: blind, or (fast) only whether the expected one is there."""
        ...

    def fingerprint(self, path: Path) -> Fingerprint: ...

    def unheard(self, path: Path) -> tuple[Difference, ...]:
        """What the fingerprint does not hear: other words on another channel, sound that the file's clock hides."""
        ...

    def compare(self, stored: Fingerprint, found: Fingerprint) -> Agreement: ...


@dataclass
class _Case:
    """What is known so far about one file."""

    path: Path
    kind: Literal["video", "image", "broken"] = "video"
    presentation: Presentation | None = None
    essence: str = ""
    judgement: Judgement = field(default_factory=lambda: Judgement("none"))
    crashed: bool = False
    mark_checked: bool = False
    mark_id: int | None = None
    mark_p_false: float = 1.0
    entry: RegistryEntry | None = None
    proven: bool = False  # the entry was found by more than a mark
    exact: bool = False  # these are the very bytes that the entry names
    copy: Agreement | None = None
    problems: list[Problem] = field(default_factory=list)

    @property
    def not_compared(self) -> tuple[str, ...]:
        """What a player can show or play and no comparison looks at: an asset of ours has none of it."""
        if self.presentation is None:
            return ()
        names = [track.name for track in self.presentation.besides]
        audio = self.presentation.audio
        if audio is not None and audio.channels > 2:
            names.append(f"each of the {audio.channels} channels of the sound")
        return tuple(names)


def verify(
    path: Path,
    *,
    registry: Registry | None,
    anchors: Anchors | None = None,
    senses: Senses | None = None,
    limits: MediaSettings | None = None,
    own: OwnFile | None = None,
    progress: Callable[[str], None] | None = None,
) -> VerifyReport:
    """The verdict on one file, with everything that led to it.

    Args:
        registry: what is known of our assets; None: offline, the answer is for the credential alone.
        anchors: whose signatures are trusted; None: the settings' (`anchors_of`).
        senses: how to read marks and fingerprints; None: the real ones.
        own: the caller's word that this file is ours: how it is read, never what is said of it. None: it is foreign.
        progress: told which part runs now ("credential", "mark", "fingerprint").

    Raises:
        MediaError: only ``missing_file``; every other trouble with the file is a verdict.
    """
    if not path.is_file():
        raise MediaError("there is no such file", where=path.name, code="missing_file")
    if senses is None:
        from provenance.senses import RealSenses

        senses = RealSenses(limits, own=own)
    tell = progress or (lambda part: None)
    case = _Case(path)
    tell("credential")
    _look(case, anchors or anchors_of(), limits, own)
    if case.kind == "video" and not case.crashed:
        tell("mark")
        _mark(case, registry, senses)
        if registry is not None:
            _identify(case, registry)
            if case.entry is not None and case.judgement.state != "trusted":
                tell("fingerprint")
                _compare(case, senses)
    return _report(case, registry)


def _look(case: _Case, anchors: Anchors, limits: MediaSettings | None, own: OwnFile | None) -> None:
    """What the file is, and what its credential is worth."""
    with case.path.open("rb") as file:
        head = file.read(16)
    is_image = head.startswith(IMAGES) or head[4:12] in IMAGE_BRANDS or head[8:12] in IMAGE_BRANDS
    case.kind = "image" if is_image else "video"
    shape = Structure()
    if case.kind == "video":
        try:
            with read(case.path, limits, want="", own=own) as reading:
                case.presentation, case.essence = reading.presentation, reading.essence.sha256
        except MediaError as error:
            case.kind = "broken"
            case.problems.append(_media_problem(error))
        if case.not_compared:
            what = f"The file holds more than one picture and one sound: {', '.join(case.not_compared)}."
            case.problems.append(Problem("several_tracks", f"{what} That was not compared."))
        shape = structure(case.path)
    if head:
        raw = read_raw(case.path, anchors, limits, own=own)
        if raw.status == "broken" and case.kind == "video" and not holds_manifest(case.path):
            # A container with a flaw that players forgive, and no trace of a credential: there is none to be broken.
            raw = RawReading("none")
        case.crashed = raw.status == "crashed" or (raw.status == "broken" and case.kind == "image")
        case.judgement = judge(raw, shape)
        case.problems += case.judgement.problems


def _mark(case: _Case, registry: Registry | None, senses: Senses) -> None:
    """Read the mark. Where our own signature names one, that one is looked for first, which is fast; else blind."""
    judgement = case.judgement
    named = judgement.mark_id if judgement.signed_by_us else None
    if judgement.state == "trusted" and named is None:
        return  # an import that was left as it came: there is no mark to expect
    if judgement.state != "trusted" and registry is None:
        return  # offline, a mark says nothing: nobody can be asked what it names
    try:
        reading = senses.mark(case.path, named)
        if named is not None and not reading.present:
            reading = senses.mark(case.path, None)
    except MediaError as error:
        case.problems.append(_media_problem(error))
        if not judgement.altered:  # else the credential already says that the bytes were changed
            case.kind = "broken"
        return
    case.mark_checked = True
    case.mark_id = reading.mark_id if reading.present else None
    case.mark_p_false = reading.p_false


def _identify(case: _Case, registry: Registry) -> None:
    """Which asset of ours this is, or claims to be."""
    digest = digest_file_once(case.path)
    trusted = case.judgement.state == "trusted"
    if case.mark_id is not None and not trusted and registry.find_mark(case.mark_id) is None:
        case.mark_id = None  # a mark that the registry does not know is no mark
    case.entry = registry.find_asset(digest) or registry.find_essence(case.essence)
    case.proven = case.entry is not None
    if case.entry is None and trusted and case.judgement.mark_id is not None:
        case.entry = registry.find_mark(case.judgement.mark_id)
        case.proven = case.entry is not None
    elif case.entry is None and case.mark_id is not None:
        case.entry = registry.find_mark(case.mark_id)
    case.exact = case.entry is not None and case.entry.asset_sha256 == digest


def _compare(case: _Case, senses: Senses) -> None:
    """Does the file show and say what the named asset does, second by second?"""
    assert case.entry is not None
    case.copy = Agreement(False, 0.0)
    stored = case.entry.fingerprint()
    if stored is None:
        case.problems.append(Problem("no_fingerprint", "There is no stored fingerprint to compare with."))
        return
    try:
        case.copy = senses.compare(stored, senses.fingerprint(case.path))
        hidden = senses.unheard(case.path) if case.copy.agrees else ()
    except MediaError as error:
        case.problems.append(_media_problem(error))
        return
    if case.copy.reason:
        case.problems.append(Problem("not_compared", f"Nothing could be compared: {case.copy.reason}."))
    if hidden:
        # The fingerprint hears one channel; on another one something else is said.
        case.copy = Agreement(False, case.copy.share, hidden)
    case.problems += [
        Problem(f"{found.what}_differs", DIFFERS[found.what], found.t0, found.t1)
        for found in case.copy.differences[:MOST_DIFFERENCES]
    ]
    if case.copy.excerpt is not None:
        first, last = case.copy.excerpt
        what = f"The file shows only seconds {first:.1f} to {last:.1f} of the released video."
        case.problems.append(Problem("excerpt", what))


def _holding(case: _Case, registry: Registry | None) -> set[VerifyVerdict]:
    """Every verdict that holds; the caller gives the first."""
    judgement, entry, copy = case.judgement, case.entry, case.copy
    trusted = judgement.state == "trusted"
    found: set[VerifyVerdict] = set()
    if case.crashed or case.kind == "broken" or (case.kind == "image" and judgement.state == "unreadable"):
        return {"unreadable"}
    faithful = copy is not None and copy.agrees
    recognised = case.proven or faithful or (copy is not None and copy.share >= MOSTLY)
    if recognised and entry is not None:
        found |= {verdict for verdict in TAKEN_BACK if entry.release == verdict}
    if _disagree(case):
        found.add("credential_mark_disagree")
    if judgement.altered or (copy is not None and not copy.agrees):
        found.add("tampered")
    if case.not_compared and (trusted or entry is not None):
        # What was compared is not all that a player can show or play: such a file is never trusted.
        found.add("tampered")
    if (
        trusted
        and entry is not None
        and entry.release == "released"
        and judgement.published
        and not case.exact
    ):
        # Valid, and yet not the released bytes: something that the signature does not cover was changed.
        case.problems.append(
            Problem("not_the_released_bytes", "The file is not byte for byte the released one.")
        )
        found.add("tampered")
    if trusted and (not judgement.published or (registry is not None and _release(case) != "released")):
        found.add("unreleased")
    if faithful and entry is not None and entry.release == "unreleased":
        found.add("unreleased")
    if trusted:
        found.add("intact")
    if faithful:
        found.add("reencoded_copy")
    if judgement.state != "none" and not trusted:
        found.add("foreign_c2pa")
    return found


def _disagree(case: _Case) -> bool:
    """The credential and the picture name different videos."""
    judgement = case.judgement
    if judgement.signed_by_us and judgement.mark_id is not None and case.mark_checked:
        named_elsewhere = case.mark_id is not None and case.mark_id != judgement.mark_id
        return named_elsewhere or (judgement.state == "trusted" and case.mark_id is None)
    # Someone's whole credential on a picture that carries our mark, and no word of it in the credential.
    whole = judgement.state in ("valid", "invalid") and not judgement.altered
    return whole and case.mark_id is not None and case.mark_id not in judgement.mark_ids


def _release(case: _Case) -> Literal["released", "recalled", "withdrawn", "unreleased"]:
    """Of this file: only the published bytes, or a faithful copy, are released."""
    if case.entry is None:
        return "unreleased"
    return case.entry.release


def _report(case: _Case, registry: Registry | None) -> VerifyReport:
    verdict = first_that_holds(_holding(case, registry))
    release: Release = "unknown_offline"
    if registry is not None:
        ours = verdict in (*TAKEN_BACK, "intact", "reencoded_copy")
        release = _release(case) if ours else "unreleased"
    if verdict == "credential_mark_disagree":
        case.problems.append(
            Problem(
                "credential_mark_disagree", "The credential does not name the mark that the picture carries."
            )
        )
    trusted = verdict in ("unreleased", "intact", "reencoded_copy") and release not in TAKEN_BACK
    sentence = SENTENCES[verdict]
    if verdict == "intact" and registry is None:
        sentence = INTACT_OFFLINE
    return VerifyReport(
        verdict=verdict,
        sentence=sentence,
        trusted=trusted,
        release=release,
        credential=case.judgement.facts,
        watermark={
            "checked": case.mark_checked,
            "present": case.mark_id is not None,
            "id": f"{case.mark_id:010x}" if case.mark_id is not None else None,
            "p_false": case.mark_p_false,
        },
        system=_system(case),
        problems=tuple(case.problems),
        essence=case.essence,
    )


def _system(case: _Case) -> dict[str, Any]:
    """System provenance only: never a recipient, a name or a score."""
    facts = case.judgement.facts
    return {
        "name": "Greenroom",
        "made_here": case.judgement.state == "trusted" or (case.copy is not None and case.copy.agrees),
        "demonstration": facts.get("demonstration"),
        "campaign": case.entry.campaign or None if case.entry is not None else None,
    }


def _media_problem(error: MediaError) -> Problem:
    return Problem(error.code, error.what[0].upper() + error.what[1:] + ".")
