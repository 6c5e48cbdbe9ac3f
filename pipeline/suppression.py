"""The suppression list: to whom a brand sends nothing more. Of a person it holds a keyed digest, and nothing else.

A recipient's key is an e-mail address, a telephone number or the customer's own number. A campaign says which of its
fields holds it: ``recipient`` beside the schema's ``properties`` names one. Where none is named each field counts as
one, so that an address is found wherever it stands. Keys are compared in one normal form.

Asked before a render is asked for (pipeline/intake.py, pipeline/batch.py), before a release (delivery/conditions.py)
and before a new link is made (pipeline/standing.py). Links that people have go on: to end those is a recall, or a
revocation.
"""

from __future__ import annotations

import csv
import hmac
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError as DuplicateRow
from sqlalchemy.orm import Session

from audit.ledger import Event, append
from core.database import now, reading, transaction
from core.errors import InputError
from core.heartbeat import beat
from core.ids import new_id
from core.secrets import derived_key
from pipeline.errors import RecipientSuppressed
from pipeline.tables import CampaignRow, SuppressionRow

SHORTEST, LONGEST = 3, 254
MOST_KEYS = 1_000  # of one call; a file has more
MOST_LINES = 200_000
MOST_COUNTED = 10_000
LONGEST_LINE = 4_000  # bytes
CHUNK = 500  # keys a transaction
_A_RECORD = 50  # rows that one entry of the ledger commits to
_TELEPHONE = re.compile(r"(\+|00)?[0-9][0-9 ()./-]{4,30}")
_HEADERS = {"key", "keys", "recipient", "email", "e-mail", "phone", "telephone", "customer", "id"}


@dataclass(frozen=True)
class Added:
    """What came of keys that were to be added.

    Attributes:
        added: are on the list now and were not.
        known: were on it already, or came twice.
        refused: numbers of the lines that hold no key; the first hundred.
    """

    added: int = 0
    known: int = 0
    refused: tuple[int, ...] = ()


def normal(key: str) -> str:
    """A key in its normal form: compared without case and outer space, a telephone number by its digits.

    Raises InputError for what is no key.
    """
    text = unicodedata.normalize("NFKC", key).casefold().strip()
    if _TELEPHONE.fullmatch(text):
        plus, digits = text.startswith(("+", "00")), re.sub(r"[^0-9]", "", text)
        text = f"+{digits.removeprefix('00') if text.startswith('00') else digits}" if plus else digits
    if not SHORTEST <= len(text) <= LONGEST or any(unicodedata.category(one)[0] == "C" for one in text):
        raise InputError(
            f"this is no recipient's key: an address, a number or a name of {SHORTEST} to {LONGEST} characters",
            where="key",
            next_step="write an e-mail address, a telephone number or your own number of the customer",
            code="recipient_key",
        )
    return text


def digester(brand_id: str) -> Callable[[str], str]:
    """What the list of a brand holds of a key in its normal form. Another brand's digest of it is another one."""
    secret = derived_key("suppression")
    return lambda key: hmac.new(secret, f"{brand_id}\0{key}".encode(), "sha256").hexdigest()


def check_recipient(
    session: Session, campaign: CampaignRow, fields: Mapping[str, Any], *, where: str
) -> None:
    """Raises RecipientSuppressed where the recipient of these fields is on the brand's list."""
    if suppressed(session, campaign, [fields])[0]:
        raise suppressed_error(where)


def suppressed_error(where: str) -> RecipientSuppressed:
    return RecipientSuppressed(
        "the recipient is on the brand's suppression list",
        where=where,
        next_step="leave this recipient out; whoever may release can take a key off the list",
    )


def suppressed(session: Session, campaign: CampaignRow, rows: Sequence[Mapping[str, Any]]) -> list[bool]:
    """For the fields of each recipient, whether the recipient is on the list; in one question for all."""
    digest = digester(campaign.brand_id)
    keys = [{digest(key) for key in _keys_in(campaign.field_schema, fields)} for fields in rows]
    listed = _listed(session, campaign.brand_id, set[str]().union(*keys))
    return [not each.isdisjoint(listed) for each in keys]


def _keys_in(schema: Mapping[str, Any], fields: Mapping[str, Any]) -> Iterator[str]:
    named = schema.get("recipient")
    for value in (fields.get(named),) if named else fields.values():
        if value is None:
            continue
        try:
            yield normal(str(value))
        except InputError:
            continue  # what is no key is on no list


def _listed(session: Session, brand_id: str, digests: set[str]) -> set[str]:
    if not digests:
        return set()
    rows = select(SuppressionRow.key_digest).where(
        SuppressionRow.brand_id == brand_id,
        SuppressionRow.key_digest.in_(digests),
        SuppressionRow.removed_at.is_(None),
    )
    return set(session.scalars(rows))


def add(keys: Sequence[str], *, brand_id: str, actor_id: str) -> Added:
    """Put keys on the list. Raises InputError for one that is none; then none is added."""
    _check_number(keys)
    return _add([normal(key) for key in keys], brand_id, actor_id)


def remove(keys: Sequence[str], *, brand_id: str, actor_id: str) -> int:
    """Take keys off the list; how many were on it. Raises as :func:`add`."""
    _check_number(keys)
    digest = digester(brand_id)
    digests = {digest(normal(key)) for key in keys}
    with transaction() as session:
        on_it = select(SuppressionRow).where(
            SuppressionRow.brand_id == brand_id,
            SuppressionRow.key_digest.in_(digests),
            SuppressionRow.removed_at.is_(None),
        )
        rows = list(session.scalars(on_it.with_for_update()))
        for row in rows:
            row.removed_at = now()
        _record(session, Event.SUPPRESSION_REMOVED, brand_id, actor_id, rows)
    return len(rows)


def on_list(keys: Sequence[str], *, brand_id: str) -> list[bool]:
    """Whether each key is on the list. Raises as :func:`add`."""
    _check_number(keys)
    digest = digester(brand_id)
    digests = [digest(normal(key)) for key in keys]
    with reading() as session:
        listed = _listed(session, brand_id, set(digests))
    return [each in listed for each in digests]


def count(brand_id: str) -> int:
    """How many keys are on the list, counted up to ``MOST_COUNTED``."""
    some = select(SuppressionRow.id).where(
        SuppressionRow.brand_id == brand_id, SuppressionRow.removed_at.is_(None)
    )
    with reading() as session:
        return session.scalar(select(func.count()).select_from(some.limit(MOST_COUNTED).subquery())) or 0


def import_csv(lines: Iterable[bytes], *, brand_id: str, actor_id: str) -> Added:
    """Put the keys of a file on the list: the first cell of each line; a header is left out. Memory holds one chunk.

    Raises:
        InputError: the file is no CSV in UTF-8, or too long; what came before stays on the list.
    """
    added, known, refused = 0, 0, list[int]()
    keys = _keys_of(lines, refused)
    while chunk := list(islice(keys, CHUNK)):
        beat()
        done = _add(chunk, brand_id, actor_id)
        added, known = added + done.added, known + done.known
    return Added(added, known, tuple(refused[:100]))


def _keys_of(lines: Iterable[bytes], refused: list[int]) -> Iterator[str]:
    reader = csv.reader(_text(lines))
    number = 0
    while True:
        number += 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise _unusable(number, "the quotes of the line are broken") from error
        if cells is None:
            return
        if number > MOST_LINES:
            raise _unusable(number, f"the file has more than {MOST_LINES:,} lines")
        cell = cells[0].strip() if cells else ""
        if not cell or (number == 1 and cell.casefold() in _HEADERS):
            continue
        try:
            yield normal(cell)
        except InputError:
            refused.append(number)


def _text(lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE or b"\0" in line:
            raise _unusable(number, "the line is too long, or no text")
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise _unusable(number, "the file is not in UTF-8") from error


def _unusable(number: int, what: str) -> InputError:
    return InputError(
        what,
        where=f"line {number}",
        next_step="send CSV in UTF-8 with the keys in its first column",
        code="suppression_file",
    )


def _check_number(keys: Sequence[str]) -> None:
    if not 1 <= len(keys) <= MOST_KEYS:
        raise InputError(
            f"one call takes 1 to {MOST_KEYS:,} keys", where="keys", next_step="send a file, or several calls"
        )


def _add(keys: Sequence[str], brand_id: str, actor_id: str) -> Added:
    digest = digester(brand_id)
    digests = dict.fromkeys(digest(key) for key in keys)
    try:
        added = _store(list(digests), brand_id, actor_id)
    except DuplicateRow:  # somebody adds one of them at this moment: it is known now
        added = _store(list(digests), brand_id, actor_id)
    return Added(added, len(keys) - added)


def _store(digests: list[str], brand_id: str, actor_id: str) -> int:
    added = 0
    for start in range(0, len(digests), CHUNK):
        with transaction() as session:
            some = digests[start : start + CHUNK]
            listed = _listed(session, brand_id, set(some))
            rows = [
                SuppressionRow(id=new_id("sup"), brand_id=brand_id, key_digest=each, added_by=actor_id)
                for each in some
                if each not in listed
            ]
            _record(session, Event.SUPPRESSION_ADDED, brand_id, actor_id, rows)
            added += len(rows)
    return added


def _record(
    session: Session, event: Event, brand_id: str, actor_id: str, rows: Sequence[SuppressionRow]
) -> None:
    for start in range(0, len(rows), _A_RECORD):
        append(session, event, brand_id, {"actor": actor_id}, rows=rows[start : start + _A_RECORD])
