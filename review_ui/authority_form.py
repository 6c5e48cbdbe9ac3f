"""The form of an authority: what a browser sends as what an authority's file says, and the other way round."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from audit.models import ANY, Authority, Scope
from policy.topics import topics

_APART = re.compile(r"[\s,;]+")
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

LISTS = ("topics_allowed", "topics_barred", "channels", "likeness")
"""Fields that are boxes to tick: a browser sends each one that is."""
WORDS = ("brands", "campaigns", "scripts", "personal_fields", "languages", "territories")
"""Fields in which several words stand, parted by spaces or commas."""

CHANNELS = ("link",)
LIKENESS = {"face": "the face", "voice": "the voice", "body": "the body", "name": "the name"}
SUBJECTS = {
    "adult": "an adult who agrees for themselves",
    "minor": "a minor, for whom a guardian agrees",
    "estate": "somebody who has died, for whom the estate agrees",
}
MODES = {
    "template": "the words of templates, with fields filled in",
    "free": "any words; finished videos that are brought in need this",
    "exact": "only scripts whose SHA-256 is listed",
}
ASKS = {
    "none": "nobody: the reviewers decide alone",
    "script": "the person who appears approves each script before anything is made of it, on their own page",
    "final_cut": "the person who appears approves each video before it goes out, on their own page",
}


def topic_choices(allowed: bool) -> dict[str, str]:
    """The topics that rules know, as boxes to tick; what is allowed may be any."""
    any_topic = {ANY: "any topic"} if allowed else {}
    return any_topic | {name: name.replace("_", " ") for name in sorted(topics())}


def said_by(form: Mapping[str, Any], lists: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """What the form states, as an authority's file would. Whether that is an authority is not asked here.

    Args:
        form: the last value of each field. lists: every value of those that may come several times.
    """

    def text(name: str) -> str:
        return str(form.get(name, "")).strip()

    scope: dict[str, Any] = {
        "script_mode": text("script_mode") or None,
        "max_renders": "unlimited" if text("renders") == "unlimited" else _number(text("max_renders")),
        "training": text("training") == "yes",
        "on_withdrawal": text("on_withdrawal") or "stop",
        "on_expiry": text("on_expiry") or "stop",
        "purpose": text("purpose"),
        **{name: list(lists.get(name, ())) for name in LISTS},
        **{name: _words(text(name)) for name in WORDS},
    }
    if first := text("not_before"):
        scope["not_before"] = _midnight(first)
    if last := text("not_after"):
        scope["not_after"] = _midnight(last, days=1)  # the last day itself is covered
    said: dict[str, Any] = {"scope": scope, "approval_mode": text("approval_mode") or "none"}
    if text("kind") == "consent":
        said["consent"] = {
            "subject_kind": text("subject_kind"),
            "guardian": text("guardian") == "yes",
            "grantee": text("grantee"),
            "notice_sha256": text("notice_sha256").lower(),
            "notice_language": text("notice_language"),
            "notice_version": text("notice_version"),
        }
    elif text("kind") == "statement":
        said["statement"] = {
            name: text(name) for name in ("made_by", "made_from", "method", "checked_against")
        }
    return said


def filled_from(authority: Authority) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The form's fields as an authority says them: where a new version begins."""
    scope, document = authority.scope, authority.document
    form = {
        "kind": "consent" if document.kind == "consent" else "statement",
        "approval_mode": document.approval_mode,
        "script_mode": scope.script_mode or "",
        "renders": "unlimited" if scope.max_renders == "unlimited" else "number",
        "max_renders": str(scope.max_renders) if isinstance(scope.max_renders, int) else "",
        "training": "yes" if scope.training else "",
        "on_withdrawal": scope.on_withdrawal.value,
        "on_expiry": scope.on_expiry.value,
        "purpose": scope.purpose,
        "not_before": scope.not_before.date().isoformat() if scope.not_before else "",
        "not_after": _last_day(scope),
        **{name: " ".join(getattr(scope, name)) for name in WORDS},
    }
    if document.consent is not None:
        said = document.consent.model_dump()
        form |= {name: str(said[name]) for name in said if name not in ("guardian", "retention_class")}
        form["guardian"] = "yes" if document.consent.guardian else ""
    if document.provenance is not None:
        form |= document.provenance.model_dump()
    return form, {name: list(getattr(scope, name)) for name in LISTS}


USUAL: dict[str, str] = {
    "kind": "consent",
    "approval_mode": "final_cut",
    "script_mode": "template",
    "renders": "number",
    "subject_kind": "adult",
    "notice_language": "en",
    "on_withdrawal": "recall",
    "on_expiry": "stop",
    "campaigns": ANY,
    "scripts": ANY,
    "keep_years": "6",
}
"""What an empty form has chosen."""
USUAL_LISTS: dict[str, list[str]] = {"channels": ["link"], "likeness": ["face", "voice"]}


def _words(text: str) -> list[str]:
    return [word for word in _APART.split(text) if word]


def _number(text: str) -> int | str | None:
    """A whole number; what is none stays text, and the model says so."""
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else text


def _midnight(day: str, *, days: int = 0) -> str:
    """The moment at which a day begins, UTC; what is no day stays, and the model says so."""
    try:
        if not _DAY.fullmatch(day):
            return day
        return f"{date.fromisoformat(day) + timedelta(days=days)}T00:00:00Z"
    except (ValueError, OverflowError):
        return day


def _last_day(scope: Scope) -> str:
    if scope.not_after is None:
        return ""
    return (scope.not_after - timedelta(microseconds=1)).date().isoformat()
