"""What a reading of a credential is worth: our own rules over the library's report (trust step 10).

The library's one-word state is never enough: an edit on a tampered parent reads "Trusted", and an unreferenced
manifest is not looked at (see docs/credentials.md, "What we check ourselves").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from provenance.models import APPROVAL_ASSERTION, CONTAINER_ASSERTION, GATES_ASSERTION, SOFT_BINDING, Problem
from provenance.reader import RawReading
from provenance.structure import Structure

State = Literal["none", "trusted", "valid", "invalid", "unreadable"]

# Codes that question who signed, not whether the bytes are as signed.
WHO, WHO_PREFIXES = (
    {"signingCredential.untrusted", "signingCredential.expired"},
    ("timeStamp.", "signingCredential.ocsp."),
)
# A statement or the claim itself was changed; what the credential says then means nothing.
STATEMENTS = {"assertion.hashedURI.mismatch", "ingredient.manifest.mismatch", "claimSignature.mismatch"}
# A trusted credential of ours must show each of these about its active manifest.
REQUIRED = (
    "claimSignature.validated",
    "claimSignature.insideValidity",
    "signingCredential.trusted",
    "timeStamp.validated",
    "timeStamp.trusted",
    "assertion.bmffHash.match",
)
# The boxes that a hard binding of ours leaves out; a longer list could leave out the picture.
EXCLUSIONS = {"/uuid", "/ftyp", "/mfra"}


@dataclass(frozen=True)
class Judgement:
    """A credential, judged.

    Attributes:
        state: none; trusted (under our own anchors, and every check of ours holds); valid (whole, by someone
            else or unknown); invalid (a check fails); unreadable.
        altered: bytes are not as they were signed. An expired certificate alone is invalid and not altered.
        signed_by_us: signature and statements are ours and whole, even when the picture is not as signed.
        published: the active manifest says that the asset was published, and names its approval.
        mark_id: what our soft binding says, None without one.
        mark_ids: what all manifests in the chain say.
        facts: the part of the report for people; strings come from the file: bounded, to be shown escaped.
    """

    state: State
    altered: bool = False
    signed_by_us: bool = False
    published: bool = False
    mark_id: int | None = None
    mark_ids: frozenset[int] = frozenset()
    facts: dict[str, Any] = field(default_factory=dict)
    problems: tuple[Problem, ...] = ()


def judge(raw: RawReading, shape: Structure) -> Judgement:
    """Judge one reading. Fails closed: what is not understood is invalid."""
    if raw.status in ("none", "unsupported"):
        return Judgement("none", facts={"present": False, "state": "none"})
    if raw.status != "found":
        problem = Problem("credential_unreadable", "The file has a credential that cannot be read.")
        facts = {"present": True, "state": "unreadable"}
        return Judgement("unreadable", altered=True, facts=facts, problems=(problem,))
    try:
        return _judge(raw, shape)
    except (AttributeError, KeyError, TypeError, ValueError):
        problem = Problem("credential_malformed", "The credential has a form that is not understood.")
        facts = {"present": True, "state": "invalid"}
        return Judgement("invalid", altered=True, facts=facts, problems=(problem,))


def _judge(raw: RawReading, shape: Structure) -> Judgement:
    store = raw.store
    manifests: dict[str, Any] = store["manifests"]
    active_id = str(store["active_manifest"])
    active = manifests[active_id]
    results = store.get("validation_results") or {}
    verdict = results.get("activeManifest") or {}
    passed = {str(entry["code"]) for entry in verdict.get("success") or []}
    broken = {code for code in _failures(store) if not _about_who(code)}
    doubts = {code for code in _failures(store) if _about_who(code)}
    chain = _chain(manifests, active_id)
    problems = [Problem(code, _explain(code)) for code in sorted(broken)]
    if not raw.embedded:
        problems.append(Problem("credential_elsewhere", "The credential is not inside the file."))
    accepted = str(store.get("validation_state")) in ("Valid", "Trusted")
    ours = raw.trust_list == "own" and "signingCredential.trusted" in passed and _is_greenroom(active)
    if ours and accepted and not problems:
        problems += _own_rules(passed, manifests, chain, shape)
    altered = bool(problems)
    trusted = ours and accepted and not altered
    state: State = "trusted" if trusted else "valid" if accepted and not altered else "invalid"
    if not trusted:  # doubts about who signed an ingredient are no doubts about us
        problems += [Problem(code, _explain(code)) for code in sorted(doubts)]
    if state == "invalid" and not problems:
        altered = True
        problems.append(Problem("credential_invalid", "The library calls the credential invalid."))
    own = _marks(manifests, _our_part(manifests, chain))
    return Judgement(
        state,
        altered,
        signed_by_us=ours and "claimSignature.validated" in passed and not broken & STATEMENTS,
        published=_published(active),
        mark_id=next(iter(own)) if len(own) == 1 else None,
        mark_ids=frozenset(_marks(manifests, chain)),
        facts=_facts(store, active_id, state, known=trusted),
        problems=tuple(problems),
    )


def _own_rules(
    passed: set[str], manifests: dict[str, Any], chain: list[str], shape: Structure
) -> Iterator[Problem]:
    """What must hold for a credential of ours beyond the library's word."""
    for code in REQUIRED:
        if code not in passed:
            yield Problem("check_missing", f"The reader did not confirm {code}.")
    for oddity in shape.oddities:
        yield Problem("container", f"{oddity[0].upper()}{oddity[1:]}.")
    forms = {label: usual for stored in shape.stores for label, usual in stored.manifests.items()}
    if not all(forms.get(label) for label in _our_part(manifests, chain)):
        yield Problem("credential_form", "The credential's inside has a form that ours never has.")
    if (set(forms) | set(manifests)) - _reachable(manifests, chain[0]):
        yield Problem("unreferenced_manifest", "The file carries a manifest that nothing refers to.")
    sealed = manifests[_our_part(manifests, chain)[-1]]
    bindings = [a["data"] for a in sealed["assertions"] if a["label"].startswith("c2pa.hash.bmff")]
    left_out = {entry["xpath"] for binding in bindings for entry in binding["exclusions"]}
    if len(bindings) != 1 or left_out - EXCLUSIONS:
        yield Problem("binding_too_loose", "The signature leaves out more of the file than it may.")
    container = _assertion(sealed, CONTAINER_ASSERTION)
    if container.get("ftypSha256") != shape.ftyp_sha256:
        yield Problem("container", "The file's type box is not the signed one.")


def _failures(node: Any, depth: int = 0) -> Iterator[str]:
    """Every failure code anywhere in the report: active manifest, deltas, and what each ingredient recorded."""
    if depth > 40:
        raise ValueError("nested too deeply")
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "failure" or (key == "validation_status" and isinstance(value, list)):
                yield from (str(entry["code"]) for entry in value or [])
            elif key not in ("assertions", "validation_status"):
                yield from _failures(value, depth + 1)
    elif isinstance(node, list):
        for value in node:
            yield from _failures(value, depth + 1)


def _about_who(code: str) -> bool:
    return code in WHO or code.startswith(WHO_PREFIXES)


def _chain(manifests: dict[str, Any], label: str) -> list[str]:
    """The active manifest and its parents, newest first."""
    chain = [label]
    while True:
        parents = [
            entry["active_manifest"]
            for entry in manifests[chain[-1]].get("ingredients") or []
            if entry.get("relationship") == "parentOf" and entry.get("active_manifest") in manifests
        ]
        if len(parents) != 1 or parents[0] in chain:
            return chain
        chain.append(parents[0])


def _our_part(manifests: dict[str, Any], chain: list[str]) -> list[str]:
    """The active manifest and, when it publishes one, that: the last holds the hard binding and the mark.

    What comes before is an import's own history.
    """
    return chain[: 2 if _published(manifests[chain[0]]) else 1]


def _reachable(manifests: dict[str, Any], label: str) -> set[str]:
    seen: set[str] = set()
    waiting = [label]
    while waiting:
        current = waiting.pop()
        if current in seen or current not in manifests:
            continue
        seen.add(current)
        for entry in manifests[current].get("ingredients") or []:
            if entry.get("active_manifest"):
                waiting.append(entry["active_manifest"])
    return seen


def _assertion(manifest: dict[str, Any], label: str) -> dict[str, Any]:
    found = [entry["data"] for entry in manifest.get("assertions") or [] if entry.get("label") == label]
    return found[0] if len(found) == 1 and isinstance(found[0], dict) else {}


def _actions(manifest: dict[str, Any]) -> list[str]:
    return [str(entry["action"]) for entry in _assertion(manifest, "c2pa.actions.v2").get("actions") or []]


def _is_greenroom(manifest: dict[str, Any]) -> bool:
    return any(entry.get("name") == "Greenroom" for entry in manifest.get("claim_generator_info") or [])


def _published(manifest: dict[str, Any]) -> bool:
    approval = _assertion(manifest, APPROVAL_ASSERTION).get("approval")
    return "c2pa.published" in _actions(manifest) and isinstance(approval, str) and len(approval) == 71


def _marks(manifests: dict[str, Any], chain: list[str]) -> set[int]:
    """Our mark ids that the manifests of the chain name."""
    found: set[int] = set()
    for label in chain:
        for entry in manifests[label].get("assertions") or []:
            data = entry.get("data")
            if (
                str(entry.get("label", "")).startswith("c2pa.soft-binding")
                and data.get("alg") == SOFT_BINDING
            ):
                for block in data["blocks"]:
                    if re.fullmatch(r"[0-9a-f]{10}", str(block["value"])):
                        found.add(int(block["value"], 16))
    return found


def _facts(store: dict[str, Any], active_id: str, state: State, *, known: bool) -> dict[str, Any]:
    """For people. Who and when always; what it claims only where we know who claims it."""
    manifests = store["manifests"]
    active = manifests[active_id]
    signature = active.get("signature_info") or {}
    generators = active.get("claim_generator_info") or [{}]
    facts: dict[str, Any] = {
        "present": True,
        "state": state,
        "ours": known,
        "id": text(active_id),
        "issuer": text(signature.get("issuer")),
        "signed_at": text(signature.get("time")),
        "tool": text(generators[0].get("name") or active.get("claim_generator")),
        "actions": [text(name) for name in _actions(active)][:20],
        "ingredients": [
            {
                "title": text(entry.get("title")),
                "relationship": text(entry.get("relationship")),
                "has_credential": bool(entry.get("active_manifest")),
            }
            for entry in (active.get("ingredients") or [])[:20]
        ],
    }
    if not known:
        return facts
    sealed = manifests[_our_part(manifests, _chain(manifests, active_id))[-1]]
    gates = _assertion(sealed, GATES_ASSERTION)
    approval = _assertion(active, APPROVAL_ASSERTION)
    facts["made_by"] = [text(name) for name in _actions(sealed)][:20]
    facts["demonstration"] = bool(gates.get("demonstration", True))
    facts["gate_set"] = {"name": text(gates.get("gateSet")), "sha256": text(gates.get("gateSetSha256"))}
    facts["gates"] = [
        {key: text(entry.get(key)) for key in ("gate", "version", "verdict")}
        for entry in (gates.get("verdicts") or [])[:50]
    ]
    if approval:
        facts["approval"] = {
            "sha256": text(approval.get("approval")),
            "manner": text(approval.get("manner")),
            "manner_reported_by": text(approval.get("mannerReportedBy")),
        }
    return facts


def text(value: Any) -> str:
    """A string from a file, fit to be shown escaped: no control or direction characters, at most 160."""
    if value is None:
        return ""
    return "".join(
        c for c in str(value)[:160] if c.isprintable() and c not in "\u202a\u202b\u202c\u202d\u202e"
    )


def _explain(code: str) -> str:
    """One plain sentence for a validation code (C2PA 2.4 section 15.2)."""
    known = {
        "assertion.bmffHash.mismatch": "The picture, sound or index was changed after signing.",
        "assertion.dataHash.mismatch": "The content was changed after signing.",
        "assertion.boxesHash.mismatch": "The content was changed after signing.",
        "assertion.hashedURI.mismatch": "A statement in the credential was changed after signing.",
        "claimSignature.mismatch": "The signature does not belong to this credential.",
        "claimSignature.missing": "The credential has no signature.",
        "ingredient.manifest.mismatch": "The credential of something that went in was changed.",
        "signingCredential.expired": "The signer's certificate had expired.",
        "signingCredential.untrusted": "The signer is not on the list of trusted signers.",
    }
    shown = text(code)
    return known.get(shown, f"The credential fails the check {shown}.")
