"""What an entry may hold: an allow-list of fields, each of a type that cannot carry free text.

No personal data reaches the ledger by construction: there is no type for words. What may be personal
enters as a salted commitment (:func:`audit.commitments.commitment`). A new field is one line in ``FIELDS``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from audit.errors import LedgerError

Check = Callable[[Any], bool]

_MAX_LIST = 64


def _text(pattern: str) -> Check:
    compiled = re.compile(pattern)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _list(check: Check) -> Check:
    return lambda value: (
        isinstance(value, list | tuple) and len(value) <= _MAX_LIST and all(check(item) for item in value)
    )


def _map(key: Check, check: Check) -> Check:
    return lambda value: (
        isinstance(value, Mapping)
        and len(value) <= _MAX_LIST
        and all(key(name) and check(item) for name, item in value.items())
    )


identifier = _text(r"[a-z]{2,12}_[A-Za-z0-9_-]{1,60}")  # rnd_01K..., as core.ids makes them
digest = _text(r"[0-9a-f]{64}")
code = _text(r"[a-z][a-z0-9_]{0,59}")  # a word of our own vocabulary: a state, a gate, a reason code
version = _text(r"[A-Za-z0-9][A-Za-z0-9.+@_-]{0,79}")
locale = _text(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}|\*")
moment = _text(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|\+00:00)")
key_id = _text(r"[0-9a-f]{16}")


row_name = _text(r"[a-z_]{2,40}/[A-Za-z0-9_:.-]{1,100}(/[A-Za-z0-9_:.-]{1,100})?")  # table/key


def count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def flag(value: Any) -> bool:
    return isinstance(value, bool)


FIELDS: dict[str, Check] = {
    # whose and which
    "brand_id": identifier,
    "persona_id": identifier,
    "campaign_id": identifier,
    "render_id": identifier,
    "parent_render_id": identifier,
    "authority_id": identifier,
    "record_id": identifier,
    "supersedes": identifier,
    "receipt_id": identifier,
    "approval_id": identifier,
    "decision_id": identifier,
    "persona_decision_id": identifier,
    "script_decision_id": identifier,
    "document_id": identifier,
    "onboarding_id": identifier,
    "proposal_id": identifier,
    "link_id": identifier,
    "report_id": identifier,
    "list_id": identifier,
    "hold_id": identifier,
    "user_id": identifier,
    "actor": identifier,
    "reviewer_id": identifier,
    "maker_id": identifier,
    "approval_ids": _list(identifier),
    "receipt_ids": _list(identifier),
    # bytes
    "rows": _map(
        row_name, digest
    ),  # the covered rows that the event made or changed, each with its commitment
    "sha256": digest,
    "essence": digest,
    "asset_sha256": digest,
    "examined_sha256": digest,
    "sealed_sha256": digest,
    "proxy_sha256": digest,
    "published_sha256": digest,
    "reference_sha256": digest,
    "template_sha256": digest,
    "script_commitment": digest,
    "manifest_sha256": digest,
    "fingerprint_sha256": digest,
    "gate_set_sha256": digest,
    "shown_sha256": digest,
    "witnessed_root": digest,
    "approvals_sha256": digest,
    "filter_hmac": digest,  # what was searched for, under a key of ours: a guess cannot be checked against it
    "receipts": _map(code, digest),
    "brief_sha256": digest,
    "pack_sha256": digest,
    "packs": _map(version, version),
    "models": _map(version, digest),
    # words of our own
    "kind": code,
    "status": code,
    "state": code,
    "from_state": code,
    "to_state": code,
    "stage": code,
    "gate": code,
    "gates": _map(code, code),
    "verdict": code,
    "manner": code,
    "manner_reported_by": code,
    "factor": code,
    "role": code,
    "roles": _list(code),
    "rights": _list(code),
    "effect": code,
    "outcome": code,
    "reason_code": code,
    "reason_codes": _list(code),
    "environment": code,
    "risk_class": code,
    "channel": code,
    "channels": _list(code),
    "release": code,
    "label_profile": version,
    "gate_version": version,
    "engine": version,
    "voice": version,
    "rule_pack": version,
    "territory": locale,
    "territories": _list(locale),
    "language": locale,
    "languages": _list(locale),
    # numbers and times
    "version": count,
    "ordinal": count,
    "attempt": count,
    "fence": count,
    "mark_id": count,
    "size": count,
    "frames": count,
    "duration_ms": count,
    "findings": count,
    "renders": count,
    "lost": count,
    "witnessed_size": count,
    "required": flag,
    "development": flag,
    "altered": flag,  # the row had been changed in the database before this
    "not_before": moment,
    "not_after": moment,
    "expires_at": moment,
    "released_at": moment,
    "key_id": key_id,
}

subject = _text(
    r"[a-z]{2,12}_[A-Za-z0-9_-]{1,60}|[0-9a-f]{16}|[0-9a-f]{64}|[a-z0-9-]{1,40}@[A-Za-z0-9.]{1,20}"
)


def checked(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as plain JSON values. Raises :class:`LedgerError` naming the field, never its value."""
    plain: dict[str, Any] = {}
    for name, value in facts.items():
        if name not in FIELDS:
            raise LedgerError(
                "the ledger has no such field",
                where=name,
                next_step="use a listed field, or add it with its type to audit/ledger/facts.py",
            )
        if value is None:
            continue  # absent is said by absence
        if not FIELDS[name](value):
            raise LedgerError(
                "a value does not fit its field's type, so it may carry personal data",
                where=name,
                next_step="pass an id, a digest or a code; commit to free text with a salt instead",
            )
        plain[name] = _plain(value)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, str) else value
