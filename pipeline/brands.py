"""The organisation whose installation this is, and its brands: each a customer whose rows no other brand sees."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.database import reading, transaction
from core.errors import Conflict, InputError
from core.faults import close_to, one_of
from core.ids import new_id
from core.tables import BrandRow, OrganisationRow
from core.territories import FORM, is_territory
from policy.characters import hides_something
from policy.packs import pack_names, shipped_pack

LONGEST_NAME = 200
DEFAULT_PACK = "consumer-products"


def create_brand(name: str, *, rule_pack: str = DEFAULT_PACK, territory: str = "") -> BrandRow:
    """A brand, in a transaction of its own; otherwise as :func:`add_brand`."""
    with transaction() as session:
        return add_brand(session, name, rule_pack=rule_pack, territory=territory)


def add_brand(session: Session, name: str, *, rule_pack: str = DEFAULT_PACK, territory: str = "") -> BrandRow:
    """A brand, in the caller's transaction.

    Args:
        rule_pack: the rules that its scripts are held against, besides the territory's.
        territory: what a campaign takes that names none; empty: each campaign names its own.

    Raises:
        InputError: a name that is empty, too long or not of visible letters; an unknown rule pack or territory.
    """
    plain = visible_name(name, "brand")
    if rule_pack not in brand_packs():
        raise InputError(
            f"there is no rule pack '{rule_pack[:40]}' for a brand{close_to(rule_pack, brand_packs())}",
            where="rule pack",
            next_step=one_of(brand_packs()),
        )
    if territory and not is_territory(territory):
        raise InputError(
            f"'{territory[:20]}' is no territory",
            where="territory",
            next_step=f"write {FORM}, or leave it out",
        )
    row = BrandRow(id=new_id("brd"), name=plain, rule_pack=rule_pack, territory=territory.lower())
    append(session, Event.BRAND_CREATED, row.id, {}, rows=[row])
    return row


def list_brands(ids: Collection[str] | None = None) -> list[BrandRow]:
    """Brands, oldest first; ``ids``: of these alone."""
    statement = select(BrandRow).order_by(BrandRow.created_at, BrandRow.id)
    if ids is not None:
        statement = statement.where(BrandRow.id.in_(list(ids)))
    with reading() as session:
        return list(session.scalars(statement))


def brand_packs() -> list[str]:
    """Rule packs that a brand can choose: those that no territory brings, and that are not always on."""
    return [name for name in pack_names() if name != "base" and not shipped_pack(name).territories]


def name_organisation(session: Session, name: str) -> OrganisationRow:
    """Say whose installation this is, in the caller's transaction. Said again with the same name, it changes nothing.

    Raises:
        InputError: as for a brand's name.
        Conflict: it has another name already.
    """
    plain = visible_name(name, "organisation")
    row = session.get(OrganisationRow, "org_1")
    if row is not None:
        if row.name != plain:
            raise Conflict(
                "this installation belongs to another organisation already",
                where="organisation",
                next_step="leave the name out, or use another home folder",
            )
        return row
    row = OrganisationRow(id="org_1", name=plain)
    append(session, Event.ORGANISATION_NAMED, row.id, {}, rows=[row])
    return row


def organisation() -> OrganisationRow | None:
    """Whose installation this is; None where nobody has said."""
    with reading() as session:
        return session.get(OrganisationRow, "org_1")


def visible_name(name: str, what: str) -> str:
    """A name as people read it: one line, no direction marks. Raises InputError.

    A joiner is taken where writing needs it (policy.characters), as in Persian and Hindi.
    """
    plain = unicodedata.normalize("NFC", " ".join(name.split()))
    if not plain or len(plain) > LONGEST_NAME or hides_something(plain):
        raise InputError(
            f"the {what} needs a name of 1 to {LONGEST_NAME} visible characters",
            where=what,
            next_step="type the name that people know it by",
        )
    return plain
