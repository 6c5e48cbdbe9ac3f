"""A verification as people read it: the verdict with what to do, what was found where, and the credential in words.

Pure: a report's document in (:meth:`provenance.models.VerifyReport.as_dict`), words out. Strings of a stranger's file
pass through as they are; the page escapes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from provenance.verdicts import NEXT

JOINED = 1.0  # seconds between two spans that are told as one
MOST_SPANS = 8

TITLES = {
    "unreadable": "This file cannot be read",
    "withdrawn": "Withdrawn by the person who appears in it",
    "recalled": "Recalled by its publisher",
    "credential_mark_disagree": "Credential and picture disagree",
    "tampered": "Changed, or only partly ours",
    "unreleased": "Not released",
    "intact": "Intact",
    "reencoded_copy": "A faithful copy",
    "foreign_c2pa": "A credential of someone else",
    "nothing_found": "Nothing found",
}
BAD = {"withdrawn", "recalled", "credential_mark_disagree", "tampered", "unreleased"}
MANNERS = {
    "seen": "by people who played at least 95 % of it, and every second in which something had been found, as the "
    "reviewer's player reported it",
    "decided": "by people who decided over it; the reviewer's player did not report all of it as played",
    "sampled": "as one of a series, under a sampling plan; not every video of the series was looked at",
}
ACTIONS = {
    "c2pa.created": "Made, with generative AI",
    "c2pa.opened": "Taken from a finished video",
    "c2pa.watermarked": "Marked invisibly",
    "c2pa.watermarked.bound": "Marked invisibly",
    "c2pa.published": "Published",
    "c2pa.edited": "Edited",
    "c2pa.transcoded": "Encoded again",
}
INGREDIENTS = {"sealed video": "the same video as it was before its release"}
STATES = {
    "trusted": "It is signed by us, and every check of it holds.",
    "valid": "Its signature is whole. Who signed it is nobody that we vouch for.",
    "invalid": "It fails a check: what it says is about the file that was signed, which this one is not.",
    "unreadable": "It cannot be read.",
}
RELEASES = {
    "released": "This video is released.",
    "recalled": "This video was recalled by its publisher.",
    "withdrawn": "This video was withdrawn by the person who appears in it.",
    "unreleased": "This file is no released video of ours.",
    "unknown_offline": "The register of released videos could not be asked.",
}


@dataclass(frozen=True)
class Found:
    """Something that was found, with the seconds in which it is; ``spans`` is empty where it is everywhere."""

    message: str
    spans: str = ""


@dataclass(frozen=True)
class Branch:
    """A statement, and what belongs to it."""

    words: str
    parts: tuple[Branch, ...] = ()


@dataclass(frozen=True)
class Answer:
    """One verdict as a page shows it.

    Attributes:
        tone: ``good``, ``bad`` or ``neutral``.
        next: what to do now.
        tree: credential, mark and register in words.
        codes: names and values for an expert who compares them.
    """

    verdict: str
    title: str
    sentence: str
    next: str
    tone: str
    found: tuple[Found, ...]
    tree: tuple[Branch, ...]
    codes: tuple[tuple[str, str], ...]


def answer_of(report: dict[str, Any]) -> Answer:
    """The words for a report."""
    verdict = report["verdict"]
    good = report["trusted"] and report["release"] == "released"
    return Answer(
        verdict=verdict,
        title=TITLES[verdict],
        sentence=report["sentence"],
        next=NEXT[verdict],
        tone="good" if good else "bad" if verdict in BAD else "neutral",
        found=tuple(_found(report["problems"])),
        tree=(credential_in_words(report["credential"]), _mark(report["watermark"]), _register(report)),
        codes=tuple(_codes(report)),
    )


def _found(problems: Sequence[dict[str, Any]]) -> Iterable[Found]:
    """One line for each kind of problem, its seconds joined."""
    together: dict[str, list[tuple[float, float]]] = {}
    for problem in problems:
        spans = together.setdefault(problem["message"], [])
        if problem.get("t0") is not None:
            spans.append((problem["t0"], problem["t0"] if problem.get("t1") is None else problem["t1"]))
    for message, spans in together.items():
        joined = _joined(spans)
        told = ", ".join(_span(*span) for span in joined[:MOST_SPANS])
        more = len(joined) - MOST_SPANS
        yield Found(message, f"{told} and {more} more" if more > 0 else told)


def _joined(spans: Iterable[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for t0, t1 in sorted(spans):
        if joined and t0 - joined[-1][1] <= JOINED:
            joined[-1] = (joined[-1][0], max(joined[-1][1], t1))
        else:
            joined.append((t0, t1))
    return joined


def _span(t0: float, t1: float) -> str:
    return clock(t0) if t1 - t0 < 0.05 else f"{clock(t0)} to {clock(t1)}"


def clock(seconds: float) -> str:
    """1:02.5 for 62.5 seconds."""
    minutes, rest = divmod(round(seconds, 1), 60)
    return f"{int(minutes)}:{rest:04.1f}".removesuffix(".0")


def credential_in_words(facts: dict[str, Any]) -> Branch:
    """What a credential says, as a tree of sentences. ``facts``: as a judgement gives them."""
    if not facts.get("present"):
        return Branch(
            "The file carries no content credential. Many sites strip it; that alone means nothing."
        )
    parts = [Branch(STATES.get(facts.get("state", ""), "It could not be judged."))]
    if issuer := facts.get("issuer"):
        day = _day(facts.get("signed_at"))
        parts.append(Branch(f"Signed by {issuer}{f' on {day}' if day else ''}."))
    if tool := facts.get("tool"):
        parts.append(Branch(f"Made with {tool}."))
    made_by = facts.get("made_by") or []
    # Of ours, the published credential opens the sealed one: it is the same video.
    own = [name for name in facts.get("actions") or [] if not made_by or name != "c2pa.opened"]
    done = [*made_by, *own]
    if done:
        parts.append(Branch("What it says was done:", tuple(Branch(_action(name)) for name in _once(done))))
    if went_in := facts.get("ingredients"):
        parts.append(Branch("What went into it:", tuple(_ingredient(entry) for entry in went_in)))
    if gates := facts.get("gates"):
        parts.append(_gates(gates, approved=bool(facts.get("approval"))))
    if manner := (facts.get("approval") or {}).get("manner"):
        parts.append(Branch(f"Approved {MANNERS.get(manner, _words(manner))}."))
    if facts.get("demonstration"):
        parts.append(Branch("It is a demonstration: the signature proves nothing to the outside world."))
    return Branch("The file carries a content credential.", tuple(parts))


def _gates(gates: Sequence[dict[str, str]], *, approved: bool) -> Branch:
    """What each check said. One that asked for a person is told with what the person did."""
    looked = "a person looked, and approved it" if approved else "it asked for a person to look"
    said = {"pass": "passed", "review": looked, "block": "blocked"}
    parts = tuple(
        Branch(f"{_words(gate['gate']).capitalize()}: {said.get(gate['verdict'], _words(gate['verdict']))}.")
        for gate in gates
    )
    passed = sum(gate["verdict"] == "pass" for gate in gates)
    return Branch(f"{len(gates)} checks before release, {passed} of them passed without a person:", parts)


def _ingredient(entry: dict[str, Any]) -> Branch:
    title = INGREDIENTS.get(entry.get("title", ""), entry.get("title") or "something without a name").rstrip(
        "."
    )
    own = "with a credential of its own" if entry.get("has_credential") else "without a credential of its own"
    return Branch(f"{title[:1].upper()}{title[1:]}, {own}.")


def _mark(facts: dict[str, Any]) -> Branch:
    if facts.get("present"):
        return Branch("The picture carries our invisible mark.")
    if facts.get("checked"):
        return Branch("The picture carries no invisible mark of ours.")
    return Branch("An invisible mark was not looked for.")


def _register(report: dict[str, Any]) -> Branch:
    return Branch(RELEASES.get(report["release"], _words(report["release"])))


def _codes(report: dict[str, Any]) -> Iterable[tuple[str, str]]:
    credential, mark = report["credential"], report["watermark"]
    approval, gate_set = credential.get("approval") or {}, credential.get("gate_set") or {}
    values = {
        "Verdict": report["verdict"],
        "Release": report["release"],
        "Credential": credential.get("id"),
        "Approval": approval.get("sha256"),
        "Gate set": " ".join(filter(None, (gate_set.get("name"), gate_set.get("sha256")))),
        "Mark": mark.get("id"),
    }
    return ((name, str(value)) for name, value in values.items() if value)


def _action(name: str) -> str:
    return f"{ACTIONS.get(name) or _words(name.removeprefix('c2pa.').replace('.', ' ')).capitalize()}."


def _once(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _day(moment: str | None) -> str:
    try:
        return f"{datetime.fromisoformat(moment or ''):%-d %B %Y}"
    except ValueError:
        return ""


def _words(code: str) -> str:
    return code.replace("_", " ")
