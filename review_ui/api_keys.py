"""API keys: a program calls the API at one brand, in the name of the account that made the key, with some rights of it.

A key is random and shown once; the database holds its HMAC. It opens while it is neither over nor taken back, and while
its maker's account stands and works at its brand; what it may do is what was chosen for it and its maker's role still
has. Nothing that a key does is a decision of a person: no key has the rights ``review`` and ``settle``.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from functools import partial

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.database import now, reading, transaction
from core.errors import Conflict, DatabaseBusy, GreenroomError, InputError, NotFound
from core.faults import close_to, one_of
from core.ids import new_id
from review_ui.accounts import standing, stands
from review_ui.memberships import brand_ids_of
from review_ui.rates import count_call, count_wrong_key
from review_ui.roles import RIGHTS, check_role
from review_ui.seals import intact, keyed, seal
from review_ui.tables import AccountRow, ApiKeyRow

KEY_RIGHTS = ("view", "make", "release", "audit")
"""What the API asks for, and so what a key can have. An approval of a video is a person's: no key records one."""

PREFIX = "grk_"  # a key is known by it, in a scan for secrets that were published too
DAYS = 90.0
LONGEST_DAYS = 366.0
LONGEST_NAME = 60
MOST_OPEN = 50  # keys of one account at one brand
_LONGEST_TOKEN = 100

_stored = partial(keyed, "api-keys")


class KeyRefused(GreenroomError):
    """The key opens nothing, for whatever reason."""

    code = "key_refused"
    http_status = 401


def make_key(
    account: AccountRow, *, name: str, rights: Sequence[str], days: float = DAYS
) -> tuple[ApiKeyRow, str]:
    """A key of this account at its brand of now, and its token, which is shown now and never again.

    Raises:
        InputError: no name, an unknown right or none, a time that is none.
        Forbidden: a right that the account's role has not, or an account that may not act.
        Conflict: it has as many open keys as it may have.
    """
    wanted = [right for right in KEY_RIGHTS if right in rights]
    _check(name, rights, wanted, days)
    for right in wanted:
        check_role(account.role, right)
    token = PREFIX + secrets.token_urlsafe(32)
    with transaction() as session:
        maker = standing(session, account.id)
        for right in wanted:
            check_role(maker.role, right)
        row = ApiKeyRow(
            id=new_id("key"),
            brand_id=account.brand_id,
            account_id=maker.id,
            name=name.strip(),
            rights=wanted,
            token_hmac=_stored(token),
            expires_at=now() + timedelta(days=days),
        )
        if row.brand_id not in brand_ids_of(session, maker):
            raise NotFound("no such brand", where=row.brand_id, next_step="choose one of your brands")
        if sum(state_of(one) == "open" for one in _of(session, maker.id, row.brand_id)) >= MOST_OPEN:
            raise Conflict(
                f"this account has {MOST_OPEN} keys at this brand",
                where="name",
                next_step="revoke those that nothing uses any more",
                code="too_many_keys",
            )
        _record(session, row, Event.API_KEY_MADE, "made", actor=maker.id)
    return row, token


def _check(name: str, rights: Sequence[str], wanted: Sequence[str], days: float) -> None:
    if not 0 < len(name.strip()) <= LONGEST_NAME or not name.isprintable():
        raise InputError(
            f"a key has a name of at most {LONGEST_NAME} characters",
            where="name",
            next_step="name the program that will use it",
        )
    for right in rights:
        if right not in KEY_RIGHTS:
            raise InputError(
                f"there is no right '{right[:40]}' for a key{close_to(right, KEY_RIGHTS)}",
                where="rights",
                next_step=one_of(KEY_RIGHTS),
            )
    if not wanted:
        raise InputError("a key needs a right", where="rights", next_step=one_of(KEY_RIGHTS))
    if not 0 < days <= LONGEST_DAYS:
        raise InputError(
            f"a key lasts up to {LONGEST_DAYS:g} days", where="days", next_step="choose a shorter time"
        )


def list_keys(brand_id: str, *, account_id: str | None = None) -> list[ApiKeyRow]:
    """The newest two hundred keys of a brand, or of one account there; newest first."""
    found = select(ApiKeyRow).where(ApiKeyRow.brand_id == brand_id)
    if account_id is not None:
        found = found.where(ApiKeyRow.account_id == account_id)
    with reading() as session:
        return list(
            session.scalars(found.order_by(ApiKeyRow.created_at.desc(), ApiKeyRow.id.desc()).limit(200))
        )


def revoke_key(key_id: str, *, brand_id: str, account_id: str | None, actor: str | None) -> ApiKeyRow:
    """Take a key back, from the next call on; one that is over stays as it is.

    ``account_id``: only one of this account's; None: anybody's of the brand. Raises NotFound.
    """
    with transaction() as session:
        row = session.get(ApiKeyRow, key_id, with_for_update=True)
        if row is None or row.brand_id != brand_id or account_id not in (None, row.account_id):
            raise NotFound("no such key", where=key_id, next_step="check the id")
        _end(session, row, actor=actor)
    return row


def end_keys(session: Session, account_id: str, *, actor: str | None) -> None:
    """Take back every open key of an account, in the caller's transaction: a key does not outlive its maker."""
    for row in _of(session, account_id):
        _end(session, row, actor=actor)


def state_of(row: ApiKeyRow) -> str:
    """``open``, ``revoked``, ``ended``, or ``altered``: somebody else wrote it, so it opens nothing."""
    if not intact(row):
        return "altered"
    if row.revoked_at is not None:
        return "revoked"
    return "open" if row.expires_at > now() else "ended"


def open_key(token: str, *, address: str) -> tuple[ApiKeyRow, AccountRow, frozenset[str]]:
    """The key, its maker, and what it may do now: the chosen rights that the maker's role still has.

    Raises:
        KeyRefused: with one text for every reason.
        TooManyTries: too many calls with this key, or too many wrong keys from this address.
    """
    with reading() as session:
        found = select(ApiKeyRow).where(ApiKeyRow.token_hmac == _stored(token[:_LONGEST_TOKEN]))
        row = session.scalar(found)
        maker = session.get(AccountRow, row.account_id) if row is not None else None
        opens = row is not None and maker is not None and _opens(session, row, maker)
    if not opens or row is None or maker is None:
        count_wrong_key(address)
        raise KeyRefused(
            "this API key opens nothing: it was never ours, was revoked, or its time is over",
            where="authorization",
            next_step="make a new one at /keys, or with `greenroom key make`",
        )
    count_call(row.id)
    _note_use(row)
    return row, maker, frozenset(row.rights) & RIGHTS.get(maker.role, frozenset()) & frozenset(KEY_RIGHTS)


def _opens(session: Session, row: ApiKeyRow, maker: AccountRow) -> bool:
    return state_of(row) == "open" and stands(maker) and row.brand_id in brand_ids_of(session, maker)


def _note_use(row: ApiKeyRow) -> None:
    """The day of its last use. One write a day: a call itself writes nothing, and does not fail for this."""
    today = now().replace(hour=0, minute=0, second=0, microsecond=0)
    if row.last_used_on is None or row.last_used_on < today:
        with suppress(DatabaseBusy), transaction() as session:
            session.execute(update(ApiKeyRow).where(ApiKeyRow.id == row.id).values(last_used_on=today))


def _of(session: Session, account_id: str, brand_id: str | None = None) -> list[ApiKeyRow]:
    """An account's keys that were not taken back; locked, so that their number holds."""
    found = select(ApiKeyRow).where(ApiKeyRow.account_id == account_id, ApiKeyRow.revoked_at.is_(None))
    if brand_id is not None:
        found = found.where(ApiKeyRow.brand_id == brand_id)
    return list(session.scalars(found.with_for_update()))


def _end(session: Session, row: ApiKeyRow, *, actor: str | None) -> None:
    if state_of(row) == "open":
        row.revoked_at = now()
        _record(session, row, Event.API_KEY_ENDED, "revoked", actor=actor)


def _record(session: Session, row: ApiKeyRow, event: Event, kind: str, *, actor: str | None) -> None:
    seal(row)
    facts = {
        "kind": kind,
        "user_id": row.account_id,
        "brand_id": row.brand_id,
        "rights": list(row.rights),
        "actor": actor,
    }
    append(session, event, row.id, facts, rows=[row])
