"""A home with thousands of released videos under one authority, for the benchmarks of links and recalls.

BULK-MADE, as the product would have written it: one render goes the whole way through the real functions
(with recorded results for every model and for the signer, see tests/kit); the others are copies of its row
with digests of their own. Each has its row, its sealed and published assets, its count under the authority,
its published blob (of a few bytes, unless asked for more), a signed approval, and the entries of its life in
the ledger, the last of which commits to its rows, so that `ledger verify` is good and the predicate of trust
step 13 finds all that it asks for. They have no receipts, marks or manifests: nothing here looks at these. A
sample gets links through the real function.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.kit.world import World

BATCH = 500
ENTRIES_BEFORE = (
    "RENDER_CREATED",
    "POLICY_CHECKED",
    "CANDIDATE_ENCODED",
    "RENDER_EXAMINED",
    "RENDER_APPROVED",
)


@dataclass
class Home:
    """``sample``: (render id, token) of those that have a link; the first has the large file."""

    world: World
    renders: int
    entries: int
    sample: list[tuple[str, str]]
    seconds: float


@contextmanager
def released_home(count: int, *, links: int, sizes: dict[int, int] | None = None) -> Iterator[Home]:
    """``sizes``: bytes of the published file by number of the render; all others have 40."""
    os.environ.setdefault("GREENROOM_ENVIRONMENT", "test")
    from audit.ledger import sequence_pending
    from delivery.links import make_link
    from tests.kit.world import world

    with (
        warnings.catch_warnings(),
        tempfile.TemporaryDirectory() as folder,
        world(Path(folder) / "home", signer="recorded") as w,
    ):
        warnings.simplefilter("ignore")
        began = time.monotonic()
        w.persona = w.add_persona("consent")
        first = w.released(campaign=w.campaign(w.persona))
        ids: list[str] = []
        while len(ids) < count:
            ids += _batch(w, first, len(ids), min(BATCH, count - len(ids)), sizes or {})
        sample = [(render, make_link(render, brand_id=w.brand_id)) for render in ids[:links]]
        while sequence_pending():
            pass
        with_entries = _entries()
        seconds = time.monotonic() - began
        print(f"{count} released videos, {with_entries} entries, made in {seconds:.0f} s", file=sys.stderr)
        yield Home(w, count, with_entries, sample, seconds)


def _batch(w: World, first: Any, start: int, count: int, sizes: dict[int, int]) -> list[str]:
    """Some more, in one transaction that vouches for them as the release's own connection does for one."""
    from audit.approvals import record
    from audit.ledger import Event, append
    from audit.tables import AuthorityRenderRow
    from core.blobs import blobs
    from core.canonical import digest_bytes
    from core.database import transaction
    from core.engines import VOUCHES
    from core.ids import new_id
    from core.tables import AssetRow
    from pipeline.tables import RenderRow

    authority = w.authority
    ids = []
    file = w.home / "work" / "bulk"
    with transaction() as session:
        connection: Any = session.connection().connection.driver_connection
        connection.create_function(VOUCHES, 2, lambda _render, _published: 1)
        for number in range(start, start + count):
            data = b"a published video of the benchmark: %010d" % number
            data = (data * (sizes.get(number, 0) // len(data) + 1))[: max(len(data), sizes.get(number, 0))]
            file.write_bytes(data)
            stored = blobs().put_file(file, "published")
            essence, sealed = digest_bytes(b"essence %d" % number), digest_bytes(b"sealed %d" % number)
            copied = {column.key: getattr(first, column.key) for column in RenderRow.__table__.columns}
            render = RenderRow(
                **copied
                | {
                    "id": new_id("rnd"),
                    "request_key": None,
                    "mark_id": number + 1,
                    "essence": essence,
                    "sealed_sha256": sealed,
                    "published_sha256": stored.sha256,
                    "salt": f"{number:032d}",
                }
            )
            shared = {"brand_id": w.brand_id, "render_id": render.id, "essence": essence}
            assets = [
                AssetRow(sha256=sealed, role="sealed", size=1, **shared),
                AssetRow(sha256=stored.sha256, role="published", size=stored.size, parent=sealed, **shared),
            ]
            counted = AuthorityRenderRow(
                record_id=authority.document.record_id,
                render_id=render.id,
                authority_id=authority.id,
                ordinal=number + 2,
            )
            for name in ENTRIES_BEFORE:
                append(session, Event[name], render.id, {"state": "draft"})
            approval = record(
                session,
                render_id=render.id,
                sealed_sha256=sealed,
                essence=essence,
                reviewer_id=w.reviewer,
                maker_id=w.operator,
                verdict="approve",
                shown_sha256="5e" * 32,
                brand_id=w.brand_id,
            )
            facts = {"render_id": render.id, "ordinal": counted.ordinal, "record_id": counted.record_id}
            append(session, Event.AUTHORITY_RENDER_COUNTED, authority.id, facts, rows=[counted])
            append(
                session,
                Event.ASSET_RELEASED,
                render.id,
                {
                    "from_state": "approved",
                    "state": "released",
                    "essence": essence,
                    "sealed_sha256": sealed,
                    "published_sha256": stored.sha256,
                    "actor": w.operator,
                    "approval_ids": [approval.id],
                    "record_id": authority.document.record_id,
                },
                rows=[render, *assets],
            )
            ids.append(render.id)
        session.flush()
    # The connection goes back to the pool; it must not vouch for anything any more.
    from core.database import engine

    engine().dispose()
    return ids


def _entries() -> int:
    from sqlalchemy import func, select

    from audit.tables import LedgerEntryRow
    from core.database import reading

    with reading() as session:
        return session.scalar(select(func.count()).select_from(LedgerEntryRow)) or 0
