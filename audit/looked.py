"""Who looked at the record, and who took something out of it: an entry each time, before anything is shown.

An entry says who, at what, and a digest of the filters. The digest is keyed: a filter may be a name, and a guess at it
cannot be checked against the ledger without our key.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from hashlib import sha256

from audit.events import Event
from audit.ledger.entries import append
from core.canonical import canonical_json
from core.database import transaction
from core.secrets import derived_key


def note_view(
    kind: str, subject: str, *, brand_id: str, actor: str, filters: Mapping[str, str] | None = None
) -> None:
    """Somebody looks at this. Raises DatabaseBusy: nothing is shown then.

    Args:
        kind: what was looked at, a code such as ``search_people``.
        subject: the id of the thing; of a search, the brand's.
    """
    _note(Event.RECORD_VIEWED, kind, subject, brand_id, actor, filters)


def note_export(
    kind: str, subject: str, *, brand_id: str, actor: str, filters: Mapping[str, str] | None = None
) -> None:
    """Somebody takes this out. As :func:`note_view`."""
    _note(Event.RECORD_EXPORTED, kind, subject, brand_id, actor, filters)


def filter_digest(filters: Mapping[str, str]) -> str:
    """The digest that the ledger keeps of filters: to check later that it was these."""
    said = canonical_json({name: value for name, value in filters.items() if value})
    return hmac.new(derived_key("looked-filters"), said, sha256).hexdigest()


def _note(  # noqa: PLR0917 - the two above name them
    event: Event, kind: str, subject: str, brand_id: str, actor: str, filters: Mapping[str, str] | None
) -> None:
    facts = {
        "kind": kind,
        "brand_id": brand_id,
        "actor": actor,
        "filter_hmac": filter_digest(filters) if filters is not None else None,
    }
    with transaction() as session:
        append(session, event, subject, facts)
