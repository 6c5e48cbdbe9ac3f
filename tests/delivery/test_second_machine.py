"""A second machine with an empty home, the same database, blobs, ledger and settings, and a copy of the keys.

On SQLite with folders, and on PostgreSQL with an object store for blobs and ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from audit.errors import KeyNotHere, UnknownKey
from audit.ledger import sequence_pending, verify_ledger
from core.blobs import blobs
from core.settings import get_settings
from delivery.links import make_link, open_link
from greenroom.installation import initialise
from pipeline.prepared import prepared
from pipeline.service import retry
from pipeline.states import State
from tests.kit.home import all_tables
from tests.kit.machines import copy_keys, machine, shared
from tests.kit.world import World
from tests.kit.world import world as open_world

Second = Callable[[], AbstractContextManager[Path]]
"""Puts this process on the second machine, for a block."""


@pytest.fixture
def first(
    tmp_path: Path, database_kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """The first machine's world, with everything that is signed really signed."""
    if database_kind == "postgresql":
        bucket = request.getfixturevalue("s3_url")
        monkeypatch.setenv("GREENROOM_BLOB_URL", bucket)
        monkeypatch.setenv("GREENROOM_LEDGER_URL", f"{bucket}/ledger")

    def begin() -> None:
        all_tables()
        initialise()

    with open_world(tmp_path / "first", signer="real", make_tables=begin) as w:
        yield w


@pytest.fixture
def second(first: World, tmp_path: Path) -> Second:
    settings = shared(first.home)
    return lambda: machine(tmp_path / "second", **settings)


def test_it_goes_on_with_a_render_that_the_first_left_half_way(
    first: World, second: Second, tmp_path: Path
) -> None:
    """The first machine made and encoded it; the second, a worker without the approvals key, examines and seals it."""
    copy_keys(first.home, tmp_path / "second")
    for private in (tmp_path / "second" / "keys" / "approvals").glob("*.pem"):
        private.unlink()
    render = first.render()
    first.recorded.broken["examine"] = RuntimeError("the machine is gone")
    assert first.advance(render).state == State.FAILED
    first.recorded.broken.clear()
    retry(render.id, brand_id=first.brand_id)
    with second():
        assert first.to_review(render).state == State.IN_REVIEW
        with pytest.raises(KeyNotHere, match="approvals"):
            first.approve(render)
    approved = first.approved(render)
    with second():
        out = first.release(approved)
        report = first.verify(blobs().get_file(out.published_sha256 or ""))
        assert (report.verdict, report.trusted) == ("intact", True)
        token = make_link(out.id, brand_id=first.brand_id, made_by=first.operator)
        sequence_pending()
        assert verify_ledger().good
    assert first.verify(blobs().get_file(out.published_sha256 or "")).verdict == "intact"
    assert open_link(token) and verify_ledger().good


def test_without_the_keys_it_says_what_it_lacks_and_calls_nothing_forged(
    first: World, second: Second, tmp_path: Path
) -> None:
    approved = first.approved()
    with second(), pytest.raises(UnknownKey) as refused:
        first.release(approved)
    assert "public half is not here" in str(refused.value) and ".pub" in refused.value.next_step
    assert first.now_is(approved).state == State.APPROVED
    assert first.released(approved).state == State.RELEASED


def test_a_reference_is_prepared_again_from_its_blob(first: World, second: Second) -> None:
    class Engine:
        """Keeps what it made of a file under its name, as the real one does."""

        def prepare(self, reference: Path, cache: Path, _progress: object = None) -> Path:
            folder = cache / reference.name
            folder.mkdir(parents=True, exist_ok=True)
            return folder

    reference = blobs().get_file(first.persona.reference_sha256)
    assert prepared(Engine(), reference).is_relative_to(first.home)  # type: ignore[arg-type, attr-defined]
    with second() as home:
        reference = blobs().get_file(first.persona.reference_sha256)
        assert prepared(Engine(), reference).is_relative_to(home)  # type: ignore[arg-type, attr-defined]
        assert get_settings().home == home
