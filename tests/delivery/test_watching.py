"""Poster and captions are derivatives of a released video: they carry its label and leave by its door (step 13)."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from core.errors import GreenroomError, NotFound
from core.media.still import still
from delivery import watching
from delivery.brand_page import set_words
from delivery.links import list_links, make_link, revoke_link
from delivery.watching import captions, kept_poster, poster, watched
from pipeline.intake import import_video
from pipeline.tables import RenderRow
from tests.kit import media
from tests.kit.standing_in import standing_in
from tests.kit.workers import as_owner
from tests.kit.world import World

# The door that they leave by is tried on both databases where it stands: test_standing.py, test_links.py.
pytestmark = pytest.mark.only("sqlite")

DERIVATIVES = [watched, poster, captions]


@pytest.fixture(autouse=True)
def no_poster_of_another_test() -> None:
    watching._posters.forget()


@pytest.fixture
def out(world: World) -> RenderRow:
    return world.released()


@pytest.fixture
def link(world: World, out: RenderRow) -> str:
    return make_link(out.id, brand_id=world.brand_id, made_by=world.operator)


def test_the_poster_is_a_picture_of_the_published_file(world: World, link: str):
    picture = Image.open(io.BytesIO(poster(link)))
    assert (picture.format, picture.size) == ("JPEG", (media.SIDE, media.SIDE))


def test_a_poster_is_made_once(world: World, link: str):
    first = poster(link)

    def broken(*_: object, **__: object) -> bytes:
        raise AssertionError("it was made again")

    with standing_in((still, broken)):
        assert poster(link) == first


def test_captions_are_the_spoken_words_under_the_label(world: World, link: str):
    file = captions(link)
    assert "AI-generated video" in file.split("\n\n")[1]
    assert "Hello Asha, your tea is ready." in file and "Thank you for choosing us." in file


def test_the_page_shows_the_brands_name_and_words_its_label_and_its_credential(world: World, link: str):
    before = watched(link)
    set_words(world.brand_id, "  Fresh tea.  ", actor_id=world.operator)
    page = watched(link)
    assert (before.words, page.words) == ("", "Fresh tea.")
    assert (page.brand, page.label, page.language) == ("Example Brand of the kit", "AI-generated video", "en")
    assert page.credential.startswith("urn:") and page.captions and page.released_at is not None
    assert world.ledger().good


def recalled(world: World, out: RenderRow) -> None:
    world.recall(out)


def withdrawn(world: World, _out: RenderRow) -> None:
    world.withdraw(effect="recall")


def revoked(world: World, out: RenderRow) -> None:
    (row,) = list_links(out.id, brand_id=world.brand_id)
    revoke_link(row.id, brand_id=world.brand_id, actor_id=world.operator)


def over(world: World, _out: RenderRow) -> None:
    world.tick(24 * 3600 * 400)


def put_back_by_hand(world: World, out: RenderRow) -> None:
    """Recalled, and set back to `released` by the database's owner: the ledger still says what happened."""
    world.recall(out)
    as_owner(world, "UPDATE renders SET state = 'released' WHERE id = ?", out.id)


@pytest.mark.parametrize(
    "end", [recalled, withdrawn, revoked, over, put_back_by_hand], ids=lambda e: e.__name__
)
def test_they_end_with_the_video(
    world: World, out: RenderRow, link: str, end: Callable[[World, RenderRow], None]
):
    for derivative in DERIVATIVES:
        assert derivative(link)  # a poster that was made stays in memory, and is not handed out
    end(world, out)
    for derivative in DERIVATIVES:
        with pytest.raises(NotFound):
            derivative(link)


def test_a_recall_while_the_poster_is_made_stops_it(world: World, out: RenderRow, link: str):
    real = still

    def slow(*args: object, **more: object) -> bytes:
        world.recall(out)
        return real(*args, **more)  # type: ignore[arg-type]

    with standing_in((still, slow)), pytest.raises(NotFound):
        poster(link)


def test_memory_holds_the_last_posters(world: World, link: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(watching._posters, "most", 1)
    other = make_link(world.released().id, brand_id=world.brand_id)
    assert kept_poster(other) is None
    poster(link), poster(other)
    assert len(watching._posters._kept) == 1 and kept_poster(other) == poster(other)


def test_who_waits_too_long_for_a_poster_is_told_to_come_again(
    world: World, link: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(watching._posters, "waits", 0.01)
    with watching._posters._making, pytest.raises(GreenroomError) as told:
        poster(link)
    assert (told.value.code, told.value.http_status, told.value.retryable) == ("busy", 503, True)


def test_an_import_has_no_captions_since_nobody_knows_when_it_says_what(world: World, tmp_path):
    clip = media.write_clip(tmp_path / "finished.mp4", 7)
    row = import_video(clip, world.campaign().id, brand_id=world.brand_id, maker_id=world.operator)
    link = make_link(world.released(world.approved(world.advance(row))).id, brand_id=world.brand_id)
    assert not watched(link).captions and poster(link)
    with pytest.raises(NotFound, match="no captions"):
        captions(link)


def test_no_brand_says_more_than_fits(world: World):
    with pytest.raises(GreenroomError, match="longer than 500"):
        set_words(world.brand_id, "x" * 501, actor_id=world.operator)
