"""A verdict that can be passed on: a link that holds the verdict and digests, signed, and nothing of the file.

It is opened against what is known at that moment. A verdict that vouches for a video names the released file that it
rests on: where that one is not released any more the link says so, whatever it said when it was made. Nobody makes one
but this installation, and it stores none.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args

from itsdangerous import BadData, URLSafeTimedSerializer

from core.errors import NotFound
from core.secrets import derived_key
from pipeline.registry import DatabaseRegistry
from provenance.models import RegistryEntry, VerifyVerdict
from provenance.verdicts import SENTENCES

_LONGEST = 600
OURS = ("intact", "reencoded_copy")
"""Verdicts that somebody may rely on."""
TELLS = {"recalled", "withdrawn"}


@dataclass(frozen=True)
class SharedVerdict:
    """What a link says now.

    Attributes:
        verdict: as it was found, or ``recalled``, ``withdrawn`` or ``unreleased`` where that is known by now.
        sha256: of the file that was checked.
        found_at: when it was checked.
        changed: it is another verdict than the one that was found.
    """

    verdict: VerifyVerdict
    sentence: str
    sha256: str
    found_at: datetime
    changed: bool


def share(report: dict[str, Any], sha256: str) -> str:
    """The token of a verdict, for ``/verify/said/<token>``; "" where there is none to pass on."""
    verdict = report["verdict"]
    if verdict == "unreadable":
        return ""
    rests_on = ""
    if verdict in OURS:
        mark_id = int(report["watermark"]["id"] or "0", 16)
        registry = DatabaseRegistry()
        entry = registry.find_asset(sha256) or (registry.find_mark(mark_id) if mark_id else None)
        if entry is None:
            return ""
        rests_on = entry.asset_sha256
    token: str | bytes = _serializer().dumps([verdict, sha256, rests_on])
    return token if isinstance(token, str) else token.decode()


def read_shared(token: str) -> SharedVerdict:
    """What the link says now. Raises NotFound for one that this installation did not make."""
    try:
        if len(token) > _LONGEST:
            raise BadData("too long")
        (verdict, sha256, rests_on), found_at = _serializer().loads(token, return_timestamp=True)
    except (BadData, ValueError, TypeError) as error:
        raise NotFound(
            "this link holds no verdict of ours", next_step="check the file itself", code="no_verdict"
        ) from error
    if verdict not in get_args(VerifyVerdict):
        raise NotFound(
            "this verdict is not given any more", next_step="check the file itself", code="no_verdict"
        )
    now = _now(verdict, DatabaseRegistry().find_asset(rests_on or sha256))
    return SharedVerdict(now, SENTENCES[now], sha256, found_at, now != verdict)


def _now(verdict: VerifyVerdict, entry: RegistryEntry | None) -> VerifyVerdict:
    """The verdict as far as the registry knows better by now. A verdict that vouches needs it to agree."""
    if entry is not None and entry.release in TELLS:
        return entry.release  # type: ignore[return-value]
    if verdict in OURS and (entry is None or entry.release != "released"):
        return "unreleased"
    return verdict


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(derived_key("verdicts"), salt="verdict")
