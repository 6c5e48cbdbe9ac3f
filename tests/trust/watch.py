"""Holds a world against its book: after each step nothing is served that may not be, and all that may be is."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from audit.ledger import verify_ledger
from core.database import now
from delivery.errors import LinkGone, LinkTakenBack
from delivery.links import open_link
from tests.kit import past
from tests.kit.world import World
from tests.trust.book import Book, Video, Violation

RELEASED = "render:asset:released"

_turn = itertools.count()


def rows(w: World, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    """Straight from the database, past every class of the product."""
    return past.ask(statement, *values)


def see(w: World, book: Book) -> None:
    """Take in where the renders are; each must have been allowed to get there."""
    for video_id, state, published in rows(w, "SELECT id, state, published_sha256 FROM renders"):
        if video_id in book.videos:
            book.see(video_id, state, published, now())


def check(w: World, book: Book, *, ledger: bool = True) -> None:
    """Every promise, at this moment."""
    see(w, book)
    check_once(w, book)
    check_served(w, book)
    if ledger:
        report = verify_ledger()
        if not report.good:
            raise Violation(report.text())


def check_once(w: World, book: Book) -> None:
    """One release entry and one published asset for what was released, none for the rest."""
    entries = dict(
        rows(w, "SELECT subject, count(*) FROM ledger_entries WHERE event = ? GROUP BY 1", RELEASED)
    )
    assets = dict(rows(w, "SELECT render_id, count(*) FROM assets WHERE role = 'published' GROUP BY 1"))
    for video in book.videos.values():
        expected = int(video.published is not None)
        found = (entries.get(video.id, 0), assets.get(video.id, 0))
        if found != (expected, expected):
            raise Violation(f"{video.id}: {found} release entries and published assets, not {expected}")


def check_served(w: World, book: Book) -> None:
    at = now()
    for link in book.links:
        served, where = _opened(link.token)
        if served != book.serves(link, at):
            raise Violation(f"{link.video.id} is {'' if served else 'not '}served ({where}): {link}")
        if served and where.name != link.video.published:
            raise Violation(f"{link.video.id}: another file is served than was released")
    # Of what was never out one is looked at each time: its answer changes with its state alone.
    inside = [video for video in book.videos.values() if video.published is None]
    for video in [video for video in book.videos.values() if video.published is not None] + _in_turn(inside):
        _check_verifier(w, book, video)


def _in_turn(videos: list[Video]) -> list[Video]:
    return [videos[next(_turn) % len(videos)]] if videos else []


def _opened(token: str) -> tuple[bool, Any]:
    try:
        return True, open_link(token)[1]
    except (LinkGone, LinkTakenBack) as gone:
        return False, gone.code
    except Exception as error:  # bytes that are not there: nothing is handed out either
        return False, getattr(error, "code", error)


def _check_verifier(w: World, book: Book, video: Video) -> None:
    words = book.release_words(video, now())
    for path in _files(w, video):
        report = w.verify(path)
        wanted = {"intact" if word == "released" else word for word in words}
        if report.verdict not in wanted or report.trusted != bool(wanted & {"intact", "unreleased"}):
            raise Violation(f"{video.id}: the verifier says {report.verdict}, and it is {sorted(words)}")


def _files(w: World, video: Video) -> list[Path]:
    """The file that was released; of what was not, the sealed one."""
    if video.published is not None:
        name, role = video.published, "published"
    else:
        found = rows(w, "SELECT sealed_sha256 FROM renders WHERE id = ?", video.id)
        name, role = found[0][0] if found else None, "sealed"
    path = w.home / "blobs" / role / (name or "")[:2] / (name or "none")
    return [path] if path.is_file() else []
