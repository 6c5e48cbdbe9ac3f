"""``release()`` with the real signer and the real reader: what goes out, and what the reader sees that is refused."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sqlalchemy import select

from core.blobs import blobs
from core.database import reading
from core.errors import GreenroomError
from core.models import AssetRole
from core.tables import AssetRow
from provenance.credential import publish
from provenance.models import Credential
from provenance.tables import ManifestRow
from tests.delivery.releasing import assert_refused, outside
from tests.kit import media
from tests.kit.standing_in import standing_in
from tests.kit.world import World


def test_release_makes_state_file_asset_manifest_and_entry_true_together(real_world: World):
    render = real_world.approved()
    released = real_world.release(render)
    path = blobs().get_file(released.published_sha256, AssetRole.PUBLISHED)
    seen = outside(real_world, render)
    assert (seen.state, seen.assets, seen.files, seen.entries) == ("released", (path.name,), {path}, 1)
    with reading() as session:
        asset = session.get_one(AssetRow, path.name)
        manifest = select(ManifestRow).where(ManifestRow.asset_sha256 == path.name)
        assert (asset.parent, asset.essence, asset.render_id) == (
            render.sealed_sha256,
            render.essence,
            render.id,
        )
        assert blobs().get_file(session.scalars(manifest).one().manifest_sha256, "manifest").stat().st_size
    report = real_world.verify(path)
    assert (report.verdict, report.release, report.problems) == ("intact", "released", ())
    assert real_world.ledger().good


def test_release_refuses_when_the_mark_is_not_the_one_that_the_credential_names(real_world: World):
    render = real_world.approved()
    real_world.recorded.mark = (render.mark_id or 0) + 1
    assert_refused(real_world, render, "the independent reader answers 'credential_mark_disagree'")


def test_release_refuses_another_renders_sealed_file_under_this_name(real_world: World):
    """The file is whole and was sealed here; the rows say that it is this render's."""
    other, render = real_world.approved(), real_world.approved()
    real_world.as_database_owner(
        "UPDATE renders SET sealed_sha256 = ? WHERE id = ?", other.sealed_sha256, render.id
    )
    assert_refused(
        real_world, real_world.record_as_it_is(render), "approvals are not complete", GreenroomError
    )


def test_release_refuses_when_publishing_changed_the_media_and_does_not_say_so(real_world: World):
    render = real_world.approved()
    real = publish

    def changing(sealed: Path, out: Path, *arguments: Any, **more: Any) -> Credential:
        credential = real(sealed, out, *arguments, **more)
        other = media.other_media(out, out.with_name("other.mp4"), (render.mark_id or 0) + 1)
        shutil.move(other, out)
        return credential

    with standing_in((real, changing)):
        assert_refused(real_world, render, "the independent reader answers")
