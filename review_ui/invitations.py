"""Invitations: a link that makes one account, with the role and the brands that it names; its holder sets the password,
or brings an account of that role, which then works at these brands too.

The link's token is random and is shown once; the database holds its HMAC. It ends with its use, with its time, or when
somebody takes it back, or with whoever made it; the answer to a link that opens nothing is the same for each.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.database import now, reading, transaction
from core.errors import Conflict, InputError, NotFound
from core.ids import new_id
from core.tables import BrandRow
from pipeline.tables import PersonaRow
from review_ui.accounts import add_account, authenticate, draft_account, known_role, standing, stands
from review_ui.memberships import brand_ids_of, join
from review_ui.roles import RIGHTS
from review_ui.seals import intact, keyed, seal
from review_ui.tables import AccountRow, InvitationBrandRow, InvitationRow

HOURS = 72.0
LONGEST_HOURS = 720.0
MOST_BRANDS = 100
LISTED = 100
MACHINE = "machine"
"""Made on the command line, by whoever owns the machine."""


class InvitationOver(NotFound):
    """The link opens nothing: used, ended, taken back, or never ours."""

    code = "invitation_over"


def invite(
    *,
    by: AccountRow | None,
    role: str,
    brand_ids: Sequence[str],
    persona_id: str | None = None,
    hours: float = HOURS,
) -> tuple[InvitationRow, str]:
    """An invitation and its token, which is shown now and never again.

    Args:
        by: who invites, to brands of their own; None is the machine's owner on the command line.
        persona_id: for the role ``persona``, whose account it will be, at that persona's brand alone.

    Raises:
        InputError: an unknown role, no brand, a time that is none, a persona where the role has none, or several brands
            for one.
        NotFound: a brand or persona that there is not, or not for who invites.
    """
    known_role(role)
    wanted = list(dict.fromkeys(brand_ids))
    if not 0 < len(wanted) <= MOST_BRANDS:
        raise InputError("an invitation names one brand or more", where="brand", next_step="name a brand")
    if not 0 < hours <= LONGEST_HOURS:
        raise InputError(
            f"an invitation lasts up to {LONGEST_HOURS:g} hours",
            where="hours",
            next_step="choose a shorter time",
        )
    if (role == "persona") != (persona_id is not None):
        raise InputError(
            "the role 'persona' is for one persona, and no other role is",
            where="persona",
            next_step="name the persona with the role 'persona', or choose another role",
        )
    if persona_id is not None and len(wanted) > 1:
        raise InputError(
            "a persona belongs to one brand, and its account works there alone",
            where="brand",
            next_step="choose the persona's brand and no other",
        )
    token = secrets.token_urlsafe(32)
    row = InvitationRow(
        id=new_id("inv"),
        brand_id=by.brand_id if by is not None else wanted[0],
        brand_ids=wanted,
        role=role,
        persona_id=persona_id,
        token_hmac=_stored(token),
        made_by=by.id if by is not None else MACHINE,
        expires_at=now() + timedelta(hours=hours),
    )
    with transaction() as session:
        allowed = brand_ids_of(session, by) if by is not None else set(session.scalars(select(BrandRow.id)))
        for brand_id in wanted:
            if brand_id not in allowed:
                raise NotFound("no such brand", where=brand_id, next_step="choose one of your brands")
        persona = session.get(PersonaRow, persona_id) if persona_id is not None else None
        if persona_id is not None and (persona is None or persona.brand_id != wanted[0]):
            raise NotFound("no such persona", where=persona_id, next_step="check the id")
        _record(session, row, Event.INVITATION_MADE, "made", actor=by.id if by is not None else None)
        session.add_all(
            InvitationBrandRow(brand_id=brand_id, invitation_id=row.id, created_at=row.created_at)
            for brand_id in wanted
        )
    return row, token


def list_invitations(brand_id: str) -> list[InvitationRow]:
    """The newest hundred that open this brand, wherever they were made; newest first."""
    opens = select(InvitationBrandRow.invitation_id).where(InvitationBrandRow.brand_id == brand_id)
    newest = opens.order_by(InvitationBrandRow.created_at.desc(), InvitationBrandRow.invitation_id.desc())
    # What a version before these rows made while the database was migrated is found where it was made.
    here = select(InvitationRow).where(InvitationRow.brand_id == brand_id)
    made = here.order_by(InvitationRow.created_at.desc(), InvitationRow.id.desc())
    with reading() as session:
        ids = session.scalars(newest.limit(LISTED)).all()
        rows = {row.id: row for row in session.scalars(made.limit(LISTED)) if brand_id in row.brand_ids}
        named = select(InvitationRow).where(InvitationRow.id.in_(set(ids) - set(rows)))
        rows |= {row.id: row for row in session.scalars(named) if brand_id in row.brand_ids}
    return sorted(rows.values(), key=lambda row: (row.created_at, row.id), reverse=True)[:LISTED]


def revoke_invitation(invitation_id: str, *, brand_id: str | None, actor: str | None) -> InvitationRow:
    """Take one back; one that is over stays as it is.

    ``brand_id``: a brand that it opens; None: of any brand, for the machine's owner. Raises NotFound.
    """
    with transaction() as session:
        row = session.get(InvitationRow, invitation_id, with_for_update=True)
        if row is None or brand_id not in (None, *row.brand_ids):
            raise NotFound("no such invitation", where=invitation_id, next_step="check the id")
        if state_of(row) == "open":
            row.revoked_at = now()
            _record(session, row, Event.INVITATION_ENDED, "revoked", actor=actor)
    return row


def open_invitation(token: str) -> InvitationRow:
    """The invitation behind a link, while it may be used. Raises :class:`InvitationOver`."""
    with reading() as session:
        return _usable(session, token)


def accept(token: str, *, email: str, password: str) -> AccountRow:
    """The account that the invitation is for; it is used up by it.

    Raises:
        InvitationOver: it may not be used (any more).
        InputError, Conflict: as :func:`review_ui.accounts.create_account`; the invitation can then be used again.
    """
    asked = open_invitation(token)  # before the slow hash
    account = draft_account(brand_id=asked.brand_ids[0], email=email, role=asked.role, password=password)
    with transaction() as session:
        row = _usable(session, token, lock=True)
        add_account(session, account)
        session.flush()
        if len(row.brand_ids) > 1 or row.persona_id is not None:
            join(session, account, row.brand_ids, persona_id=row.persona_id, actor=account.id)
        _use(session, row, account)
    return account


def accept_with_account(token: str, *, email: str, password: str, address: str = "") -> AccountRow:
    """The account behind this address and password works at the invitation's brands too, which is used up by it.

    Raises:
        InvitationOver: it may not be used (any more).
        Forbidden, TooManyTries: as :func:`review_ui.accounts.authenticate`.
        Conflict: the account has another role, which would go with it, or works there already; the invitation can then
            be used again.
    """
    open_invitation(token)
    known = authenticate(email, password, address=address)
    with transaction() as session:
        row = _usable(session, token, lock=True)
        account = standing(session, known.id)
        if account.role != row.role:
            raise Conflict(
                f"this invitation is for the role '{row.role}', and this account has another",
                where="role",
                next_step="ask for an invitation with your own role, or make an account for another address",
                code="other_role",
            )
        if set(row.brand_ids) <= brand_ids_of(session, account):
            raise Conflict("this account works there already", where="brand", next_step="sign in")
        join(session, account, row.brand_ids, persona_id=row.persona_id, actor=account.id)
        _use(session, row, account)
    return account


def state_of(row: InvitationRow) -> str:
    """``open``, ``used``, ``revoked``, ``ended``, or ``altered``: somebody else wrote it, so it opens nothing."""
    if not intact(row):
        return "altered"
    if row.used_at is not None:
        return "used"
    if row.revoked_at is not None:
        return "revoked"
    return "open" if row.expires_at > now() else "ended"


def _usable(session: Session, token: str, *, lock: bool = False) -> InvitationRow:
    found = select(InvitationRow).where(InvitationRow.token_hmac == _stored(token))
    row = session.scalar(found.with_for_update() if lock else found)
    if row is None or state_of(row) != "open" or not _inviter_stands(session, row):
        raise InvitationOver(
            "this invitation cannot be used: it was used, taken back, or its time is over",
            next_step="ask the person who invited you for a new one",
        )
    return row


def _inviter_stands(session: Session, row: InvitationRow) -> bool:
    """An invitation goes with whoever made it, or with their work at its brands: a kept link is no way back in."""
    if row.made_by == MACHINE:
        return True
    by = session.get(AccountRow, row.made_by)
    if by is None or not stands(by) or "administer" not in RIGHTS.get(by.role, frozenset()):
        return False
    return set(row.brand_ids) <= brand_ids_of(session, by)


def _use(session: Session, row: InvitationRow, account: AccountRow) -> None:
    row.used_at, row.account_id = now(), account.id
    _record(session, row, Event.INVITATION_ENDED, "used", actor=account.id)


def _record(session: Session, row: InvitationRow, event: Event, kind: str, *, actor: str | None) -> None:
    seal(row)
    facts = {
        "kind": kind,
        "role": row.role,
        "brand_id": row.brand_id,
        "persona_id": row.persona_id,
        "actor": actor,
    }
    append(session, event, row.id, facts, rows=[row])


def _stored(token: str) -> str:
    return keyed("invitations", token)
