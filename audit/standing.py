"""How an authority stands at this moment, and what that means for what was released under it (trust steps
1, 12, 13).

A consent is one record of versions: a new version takes the old one's place and carries its renders along.
Asked at every door, so the answer is read from rows whose signatures are checked and which the ledger's
last words agree with.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from audit import keys
from audit.authority_reading import counted, fact_of, read_version
from audit.errors import ForgedAuthority
from audit.events import Event
from audit.key_record import KEY_EVENTS, Entry, ends, key_subjects
from audit.models import Authority, AuthorityStatus, Effect
from audit.tables import AuthorityRow, AuthorityStatusRow, LedgerEntryRow
from core.database import hold, now
from core.errors import NotFound

State = Literal["granted", "not_yet", "suspended", "revoked", "expired"]

SENTENCES: dict[State, str] = {
    "granted": "the authority is in force",
    "not_yet": "the authority is not in force yet",
    "suspended": "the authority is suspended",
    "revoked": "the authority was withdrawn",
    "expired": "the authority has ended",
}
NEXT_STEPS: dict[State, str] = {
    "granted": "",
    "not_yet": "wait until it begins",
    "suspended": "have the suspension lifted, then try again",
    "revoked": "record a new authority that supersedes it, then ask for a new render",
    "expired": "record a new authority that supersedes it, then ask for a new render",
}


@dataclass(frozen=True)
class AuthorityStanding:
    """An authority's record at one moment.

    Attributes:
        authority: the version in force, verified.
        state: only ``granted`` allows new renders, approvals and releases.
        effect: on what was released before: ``none`` while granted.
        recalls: ledger ids of the changes that take back what was released before them, over all versions.
        ended: ledger id of the last change that ended it, over all versions; 0: it never ended. What the person said
            yes to before is no yes under a version that they gave since.
    """

    authority: Authority
    state: State
    effect: Effect
    recalls: tuple[int, ...]
    ended: int = 0

    @property
    def record_id(self) -> str:
        return self.authority.document.record_id

    @property
    def valid(self) -> bool:
        return self.state == "granted"

    def takes_back(self, released_by: int) -> bool:
        """Whether what the ledger entry ``released_by`` released is taken back."""
        ended = self.effect is Effect.RECALL
        return ended or any(entry > released_by for entry in self.recalls)


def authority_standing(
    session: Session, authority_id: str, *, at: datetime | None = None, with_count: bool = True
) -> AuthorityStanding:
    """The standing of the record that an authority belongs to, whichever of its versions is named.

    In a writing transaction it stays so until that ends.

    Args:
        with_count: count the renders under it, for whoever asks for another one. Without, the count says 0.

    Raises:
        NotFound: no such authority.
        ForgedAuthority: a signature does not hold, or rows and ledger disagree. Every caller fails closed.
    """
    record_id = _record_of(session, authority_id)
    hold(session, fact_of(record_id))  # whoever acts on the answer acts before it changes
    versions = _versions(session, record_id)
    if authority_id not in (row.id for row, _ in versions):
        raise ForgedAuthority("a version of the authority is missing", where=record_id)
    count = counted(session, record_id) if with_count else 0
    signers = {row.key_id for row, _ in versions}
    signers |= {status.key_id for _, statuses in versions for status in statuses}
    said = _said(session, [row.id for row, _ in versions], signers)
    ended = ends(session, keys.AUTHORITIES, signers, said)
    newer = [*(row.id for row, _ in versions[1:]), None]
    authorities = [
        read_version(session, row, statuses, ended=ended, superseded_by=next_one, counted=count)
        for (row, statuses), next_one in zip(versions, newer, strict=True)
    ]
    before = [None, *(row.id for row, _ in versions[:-1])]
    if [authority.document.supersedes for authority in authorities] != before:
        raise ForgedAuthority("the versions of the authority do not follow one another", where=authority_id)
    current = authorities[-1]
    state, effect = _state(current, at or now())
    return AuthorityStanding(current, state, effect, _recalls(said, authorities), _ended(said))


def _state(authority: Authority, at: datetime) -> tuple[State, Effect]:
    scope, last = authority.scope, authority.history[-1]
    if authority.status is AuthorityStatus.REVOKED:
        return "revoked", last.effect
    if authority.status is AuthorityStatus.EXPIRED:
        return "expired", last.effect
    if scope.not_after is not None and at >= scope.not_after:  # also where nobody has written it down yet
        return "expired", scope.on_expiry
    if authority.status is AuthorityStatus.SUSPENDED:
        return "suspended", Effect.STOP
    if scope.not_before is not None and at < scope.not_before:
        return "not_yet", Effect.STOP
    return "granted", Effect.NONE


def _record_of(session: Session, authority_id: str) -> str:
    known = _RECORDS.get(authority_id)
    if known is not None:
        return known
    record_id = session.scalar(select(AuthorityRow.record_id).where(AuthorityRow.id == authority_id))
    if record_id is None:
        raise NotFound("there is no such authority", where=authority_id, next_step="check the id")
    with _remembering:
        if len(_RECORDS) >= _MOST_RECORDS:
            del _RECORDS[next(iter(_RECORDS))]  # the oldest
        _RECORDS[authority_id] = record_id
    return record_id


_remembering = threading.Lock()
_MOST_RECORDS = 10_000
_RECORDS: dict[str, str] = {}
"""Record by authority, as this process has read it: a version's record never changes, and its document signs it."""


_VERSIONS = (
    select(AuthorityRow, AuthorityStatusRow)
    .outerjoin(AuthorityStatusRow, AuthorityStatusRow.authority_id == AuthorityRow.id)
    .where(AuthorityRow.record_id == bindparam("record_id"))
    .order_by(AuthorityRow.version, AuthorityStatusRow.ordinal)
)


def _versions(session: Session, record_id: str) -> list[tuple[AuthorityRow, list[AuthorityStatusRow]]]:
    """Every version of a record, oldest first, each with its statuses in their order."""
    rows = session.execute(_VERSIONS, {"record_id": record_id})
    versions: dict[AuthorityRow, list[AuthorityStatusRow]] = {}
    for version, status in rows:
        versions.setdefault(version, []).extend([status] if status is not None else [])
    if [version.version for version in versions] != list(range(1, len(versions) + 1)):
        raise ForgedAuthority("a version of the authority is missing", where=record_id)
    return list(versions.items())


_CHANGES = (Event.AUTHORITY_STATUS_CHANGED.value, Event.AUTHORITY_SUPERSEDED.value)
_SAID = select(LedgerEntryRow.id, LedgerEntryRow.subject, LedgerEntryRow.event, LedgerEntryRow.facts).where(
    LedgerEntryRow.subject.in_(bindparam("subjects", expanding=True)),
    LedgerEntryRow.event.in_([*_CHANGES, *KEY_EVENTS]),
)


def _said(session: Session, authority_ids: Sequence[str], key_ids: set[str]) -> Sequence[Entry]:
    """What the ledger says of the versions of a record and of the keys that signed them, in one query."""
    # One list of subjects, which an index leads to, and sorted here: told to sort, a planner may walk the whole ledger.
    subjects = [*authority_ids, *key_subjects(keys.AUTHORITIES, key_ids)]
    return sorted(session.execute(_SAID, {"subjects": subjects}).all(), key=lambda entry: entry.id)


_OVER = (AuthorityStatus.REVOKED.value, AuthorityStatus.EXPIRED.value)


def _ended(said: Sequence[Entry]) -> int:
    """The last change of status that ended the record."""
    changed = Event.AUTHORITY_STATUS_CHANGED.value
    return max(
        (one.id for one in said if one.event == changed and one.facts.get("status") in _OVER), default=0
    )


def _recalls(said: Sequence[Entry], authorities: Sequence[Authority]) -> tuple[int, ...]:
    """The ledger must know as many changes and versions of the record as the rows do; which changes take back."""
    changes = dict.fromkeys((authority.id for authority in authorities), 0)
    recalls: list[int] = []
    for entry in said:
        if entry.event not in _CHANGES or entry.subject not in changes:
            continue
        if entry.event == Event.AUTHORITY_SUPERSEDED.value:
            if entry.facts.get("authority_id") not in changes:
                raise ForgedAuthority("a version that the ledger speaks of is missing", where=entry.subject)
            continue
        changes[entry.subject] = max(changes[entry.subject], int(entry.facts.get("ordinal", 0)))
        if entry.facts.get("effect") == Effect.RECALL.value:
            recalls.append(entry.id)
    for authority in authorities:
        if changes[authority.id] != len(authority.history):
            raise ForgedAuthority("the ledger and the authority's history disagree", where=authority.id)
    return tuple(recalls)
