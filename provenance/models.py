"""The words of provenance: what a credential states, what a registry answers, what a verification says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from core.media.own import OwnFile

if TYPE_CHECKING:
    from provenance.fingerprint import Fingerprint

SOFT_BINDING = "com.greenroom.mark.1"
"""Name of our watermark in C2PA soft-binding assertions; the value is the mark id, ten hex digits."""

GATES_ASSERTION = "com.greenroom.gates"
APPROVAL_ASSERTION = "com.greenroom.approval"
LABEL_ASSERTION = "com.greenroom.label"
CONTAINER_ASSERTION = "com.greenroom.container"
"""Digest of the type box, which the standard's hard binding leaves out."""

Release = Literal["released", "recalled", "withdrawn", "unreleased", "unknown_offline"]
Manner = Literal["seen", "decided", "sampled"]


@dataclass(frozen=True)
class GateFact:
    """One gate's verdict, as the credential states it. The score stays behind the receipt's digest."""

    gate: str
    version: str
    verdict: Literal["pass", "review", "block"]
    receipt_sha256: str = ""


@dataclass(frozen=True)
class Ingredient:
    """What went into the video.

    Attributes:
        title: a role such as "reference clip"; never a name or a file name.
        sha256: digest of the material.
        path: the material itself; a credential that it carries is preserved. None: only the digest is stated.
        media_type: of the material, such as ``video/mp4``.
    """

    title: str
    sha256: str
    path: Path | None = None
    media_type: str = "video/mp4"


@dataclass(frozen=True)
class SealFacts:
    """What the sealed credential states (trust step 9). No personal data.

    Attributes:
        gate_set: name of the gate set; ``gate_set_sha256`` its hash.
        gates: every verdict; an empty list raises.
        source_type: ``compositeWithTrainedAlgorithmicMedia`` when a reference clip's picture remains,
            ``trainedAlgorithmicMedia`` when all of it is generated.
        mark_id: the 40-bit id of step 6; None for an import that was left as it came.
        parent: an import's original file: the credential then says "opened", not "created", and the
            original's own credential is preserved as the parent ingredient.
        label_profile, territory: the visible label's profile and where it was made for.
        environment: demo, test or production; anything else than production is stated as a demonstration.
        thumbnail: JPEG bytes.
    """

    gate_set: str
    gate_set_sha256: str
    gates: tuple[GateFact, ...]
    mark_id: int | None
    source_type: Literal["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"] = (
        "compositeWithTrainedAlgorithmicMedia"
    )
    ingredients: tuple[Ingredient, ...] = ()
    parent: Path | None = None
    label_profile: str = ""
    territory: str = ""
    environment: str = "demo"
    thumbnail: bytes | None = None


@dataclass(frozen=True)
class ApprovalFacts:
    """What the published credential states (trust step 12).

    Attributes:
        approval_sha256: digest of the approval record; the reviewer stays behind it.
        manner: what the player reported of the least that one of the approvals rests on: ``seen`` when nearly every
            second and every one with a finding was played, ``decided`` otherwise; ``sampled`` under a sampling plan.
        approvals: how many people approved.
        environment: demo, test or production.
    """

    approval_sha256: str
    manner: Manner
    approvals: int = 1
    environment: str = "demo"


@dataclass(frozen=True)
class Credential:
    """A signed file.

    Attributes:
        path: the file.
        id: the active manifest's URN; ``manifest`` its whole manifest store, for the sidecar.
        sha256: of the file; ``essence`` of its media.
        own: vouches for the file where all of it is ours; None where it counts as foreign.
    """

    path: Path
    id: str
    manifest: bytes
    sha256: str
    essence: str
    own: OwnFile | None = None


@dataclass(frozen=True)
class RegistryEntry:
    """What the registry knows of one asset of ours; ``asset_sha256`` is the published file, or the sealed one.

    ``release`` is where it stands now: ``withdrawn`` when the person took back what allowed it, ``recalled`` when the
    publisher took back the video. ``fingerprint`` is read when it is asked for: most files need no comparison.
    """

    asset_sha256: str
    essence: str
    mark_id: int | None
    release: Literal["released", "recalled", "withdrawn", "unreleased"]
    fingerprint: Callable[[], Fingerprint | None] = lambda: None
    campaign: str = ""


class Registry(Protocol):
    """What a verifier may ask about our assets; the pipeline implements it. None means: not ours."""

    def find_mark(self, mark_id: int) -> RegistryEntry | None: ...

    def find_asset(self, sha256: str) -> RegistryEntry | None: ...

    def find_essence(self, essence: str) -> RegistryEntry | None: ...


@dataclass(frozen=True)
class Anchors:
    """Who is trusted: our own root, and other people's (such as the official C2PA list), as PEM."""

    own: str
    others: str = ""


@dataclass(frozen=True)
class Problem:
    """Something that a verification found. Plain sentence, stable code, where it applies the seconds."""

    code: str
    message: str
    t0: float | None = None
    t1: float | None = None

    def line(self) -> str:
        """The sentence with its seconds."""
        if self.t0 is None:
            return self.message
        until = "" if self.t1 is None else f" to {self.t1:.1f}"
        return f"{self.message} ({self.t0:.1f}{until} s)"

    def as_dict(self) -> dict[str, Any]:
        found: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.t0 is not None:
            found |= {"t0": self.t0, "t1": self.t1}
        return found


@dataclass(frozen=True)
class Difference:
    """Seconds in which a file does not show or say what the named asset does."""

    t0: float
    t1: float
    what: Literal["picture", "face", "speech", "order"]


@dataclass(frozen=True)
class Agreement:
    """A fingerprint comparison.

    Attributes:
        agrees: every second agrees, and none of the asset is missing.
        share: of the file's seconds that agree, 0 to 1.
        excerpt: the seconds of the asset that the file shows, where it agrees but is not all of it.
        reason: why nothing could be compared, for people; empty otherwise.
    """

    agrees: bool
    share: float
    differences: tuple[Difference, ...] = ()
    excerpt: tuple[float, float] | None = None
    reason: str = ""


VerifyVerdict = Literal[
    "unreadable",
    "withdrawn",
    "recalled",
    "credential_mark_disagree",
    "tampered",
    "unreleased",
    "intact",
    "reencoded_copy",
    "foreign_c2pa",
    "nothing_found",
]


@dataclass(frozen=True)
class VerifyReport:
    """The answer about one file; :meth:`as_dict` is the document that the command line and the API print.

    Attributes:
        sentence: the verdict for a layperson.
        trusted: who made the file is proven and nothing contradicts it: a credential under our own anchors
            that holds, or a copy that agrees throughout. An unreleased asset of ours can be trusted too.
        release: of this file; ``unreleased`` also for what is not ours.
        essence: of its media, as the reader found it; "" where it is no video that can be read. Not in the document.
    """

    verdict: VerifyVerdict
    sentence: str
    trusted: bool
    release: Release
    credential: dict[str, Any]
    watermark: dict[str, Any]
    system: dict[str, Any]
    problems: tuple[Problem, ...] = ()
    essence: str = ""

    @property
    def answer_is_yes(self) -> bool:
        """True only for something intact, or a faithful copy, that is released."""
        good = self.verdict in ("intact", "reencoded_copy")
        return good and self.trusted and self.release == "released"

    @property
    def exit_code(self) -> int:
        """0 for yes, 1 for no."""
        return 0 if self.answer_is_yes else 1

    def problem_lines(self) -> list[str]:
        """The problems for a terminal, with their seconds."""
        return [problem.line() for problem in self.problems]

    def as_dict(self) -> dict[str, Any]:
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "trusted": self.trusted,
            "release": self.release,
            "credential": self.credential,
            "watermark": self.watermark,
            "system": self.system,
            "problems": [problem.as_dict() for problem in self.problems],
        }
