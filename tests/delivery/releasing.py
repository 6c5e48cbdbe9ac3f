"""What the tests of ``release()`` share: what anybody outside could notice of one, and how it is refused."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from audit.events import Event
from audit.tables import LedgerEntryRow
from core.database import reading
from core.errors import GreenroomError
from core.models import AssetRole
from core.tables import AssetRow
from delivery.errors import ReleaseRefused
from delivery.release import release
from pipeline.manifests import keep_manifest
from pipeline.tables import RenderRow
from provenance.credential import publish
from tests.kit.standing_in import standing_in
from tests.kit.world import World


@dataclass(frozen=True)
class Outside:
    """What anybody outside could notice of a release."""

    state: str
    published_sha256: str | None
    assets: tuple[str, ...]
    files: frozenset[Path]
    entries: int

    @property
    def nothing_is_out(self) -> bool:
        return self.state != "released" and not (
            self.published_sha256 or self.assets or self.files or self.entries
        )


def outside(w: World, render: RenderRow) -> Outside:
    with reading() as session:
        row = session.get_one(RenderRow, render.id)
        assets = session.scalars(select(AssetRow.sha256).where(AssetRow.role == AssetRole.PUBLISHED.value))
        entries = session.scalars(
            select(LedgerEntryRow.id).where(
                LedgerEntryRow.subject == render.id, LedgerEntryRow.event == Event.ASSET_RELEASED.value
            )
        )
        return Outside(
            row.state,
            row.published_sha256,
            tuple(sorted(assets)),
            frozenset(w.published()),
            len(entries.all()),
        )


def assert_refused(
    w: World,
    render: RenderRow,
    words: str,
    kind: type[GreenroomError] = ReleaseRefused,
    *,
    brand_id: str = "",
) -> None:
    """Refused with these words, and nobody outside notices that it was asked."""
    before = outside(w, render)
    with pytest.raises(kind, match=words):
        release(render.id, brand_id=brand_id or w.brand_id, actor_id=w.operator)
    assert outside(w, render) == before
    assert before.nothing_is_out


def signing_nothing() -> AbstractContextManager[None]:
    """What is known before is refused before: no credential is made for it."""

    def unwanted(*_arguments: Any, **_more: Any) -> None:
        raise AssertionError("something was signed that is not released")

    return standing_in((publish, unwanted))


def force_approved(w: World, render: RenderRow) -> RenderRow:
    """The state alone, as only the database's owner can set it, who also writes an entry that says so."""
    w.as_database_owner("UPDATE renders SET state = 'approved' WHERE id = ?", render.id)
    return w.record_as_it_is(render)


def before_the_commit(happens: Callable[[], object]) -> AbstractContextManager[None]:
    """Something happens after everything was checked, and before the release is recorded."""
    real = keep_manifest

    def kept(*arguments: Any) -> None:
        real(*arguments)
        happens()

    return standing_in((real, kept))
