"""Everything that people, workers and bad luck do to a render, each as one call that keeps the book.

Refusals are ordinary: a call that the product refuses changes nothing, and the book is not touched. What the product
accepts goes into the book, and the book says whether it may (:mod:`tests.trust.book`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import delivery.orphans
import greenroom.relay
from audit.ledger import sequence_pending
from core.database import now
from core.errors import GreenroomError
from delivery.links import list_links, make_link, revoke_link
from greenroom.status import Status
from greenroom.worker import HANDLERS
from pipeline import outbox
from pipeline.review import reject
from pipeline.runner import advance
from pipeline.service import retry
from tests.kit.saving import Saved
from tests.kit.world import World
from tests.trust import seams
from tests.trust.book import BEFORE_REVIEW, Book, Link, Version, Video, Violation
from tests.trust.watch import check, rows, see

DAYS = 24 * 3600.0
LAST_DAY = 30 * DAYS  # of the first authority, seconds from the beginning


@dataclass
class Stage:
    """A world that is set up once and put back for each run: what there is at the beginning."""

    w: World
    campaigns: dict[str, str]
    first: dict[str, str]  # renders, by the campaign that they are of; the bystander's under "other"
    links: list[Link]  # one that is out under the authority, and a bystander's
    saved: Saved


def set_up(w: World) -> Stage:
    """Three campaigns of one consented persona with videos in them, and a bystander of another persona.

    In review: ``manual`` is released by a person, ``auto`` on approval, ``high`` needs two people. ``ready`` is
    approved, ``out`` is released and has a link. The bystander is of another authority: whatever happens to the
    others it goes on.
    """
    persona = w.add_persona("consent", not_after=now() + timedelta(seconds=LAST_DAY))
    w.persona, other = persona, w.persona
    campaigns = {
        "manual": w.campaign(persona).id,
        "auto": w.campaign(persona, release_on_approval=True).id,
        "high": w.campaign(persona, risk_class="high").id,
        "other": w.campaign(other).id,
    }
    first = {name: w.to_review(campaign=campaign).id for name, campaign in campaigns.items()}
    first["ready"] = w.approved(campaign=campaigns["manual"]).id
    out = w.released(campaign=campaigns["manual"])
    first["out"] = out.id
    other_one = w.released(w.approved(first["other"]))
    links = []
    for row, bystander in ((out, False), (other_one, True)):
        token = make_link(row.id, brand_id=w.brand_id, hours=24 * 300)
        link_id = list_links(row.id, brand_id=w.brand_id)[0].id
        video = Video(row.id, state="released", published=row.published_sha256, approved_by={w.reviewer})
        links.append(Link(link_id, token, video, now() + timedelta(days=300), bystander=bystander))
    w.ledger()
    return Stage(w, campaigns, first, links, w.save())


@dataclass
class Acts:
    """One run. ``mail`` is the network between the outbox and the handlers."""

    stage: Stage
    book: Book = field(init=False)
    mail: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    behind: float = 0.0

    def __post_init__(self) -> None:
        stage = self.stage
        stage.w.restore(stage.saved)
        stage.w.clock.ahead = timedelta()
        with_end = self._scope().not_after
        assert with_end is not None
        self.book = Book(Version(with_end))
        for name in ("manual", "auto", "high"):
            self._known(stage.first[name], name)
        for name in ("ready", "out"):
            self._known(stage.first[name], "manual")
            self.book.videos[stage.first[name]].approved_by.add(self.w.reviewer)
        see(self.w, self.book)
        self.book.links = [
            replace(link, video=self.book.videos.get(link.video.id, link.video)) for link in stage.links
        ]

    @property
    def w(self) -> World:
        return self.stage.w

    def videos(self) -> list[Video]:
        return list(self.book.videos.values())

    def check(self, *, ledger: bool = True) -> None:
        check(self.w, self.book, ledger=ledger)

    def see(self) -> None:
        see(self.w, self.book)

    # People

    def request(self, name: str) -> None:
        with self._refusable(), self._seeing():
            self._known(self.w.render(campaign=self.stage.campaigns[name]).id, name)

    def approve(self, video: Video, reviewer: str, *, seen: bool = True, factor: str = "passkey") -> None:
        played = ((0.0, 2.0),) if seen else ()
        before = set(video.approved_by)
        with self._refusable(), self._seeing():
            video.approved_by.add(reviewer)
            try:
                self.w.approve(video.id, reviewer, played=played, factor=factor)
            except BaseException:
                video.approved_by = before
                raise
            if reviewer == self.w.operator:
                raise Violation(f"the maker approved {video.id}")
            if not self.book.in_force(now()) or not self.book.version.covers:
                raise Violation(f"{video.id} was approved under an authority that does not allow it")
            if video.people == 2 and not (seen and factor != "none"):
                raise Violation(f"{video.id} is of high risk and was approved unseen, or without a factor")

    def reject(self, video: Video, reviewer: str = "") -> None:
        sealed = rows(self.w, "SELECT sealed_sha256 FROM renders WHERE id = ?", video.id)[0][0]
        with self._refusable(), self._seeing():
            reject(
                video.id,
                brand_id=self.w.brand_id,
                reviewer_id=reviewer or self.w.second_reviewer,
                sealed_sha256=sealed or "",
                reason="a made-up reason",
            )
            video.rejected = True

    def release(self, video: Video) -> None:
        with self._refusable(), self._seeing():
            self.w.release(video.id)

    def recall(self, video: Video) -> None:
        with self._refusable(), self._seeing():
            self.w.recall(video.id)
            video.recalled = True

    def retry(self, video: Video) -> None:
        with self._refusable(), self._seeing():
            retry(video.id, brand_id=self.w.brand_id)

    def link(self, video: Video, hours: float) -> None:
        allowed = self.book.new_links(video, now())
        try:
            token = make_link(video.id, brand_id=self.w.brand_id, hours=hours)
        except GreenroomError as refusal:
            if allowed:
                raise Violation(f"{video.id} gets no link, and may have one: {refusal}") from refusal
            return
        if not allowed:
            raise Violation(f"{video.id} got a link and may not have one")
        link_id = list_links(video.id, brand_id=self.w.brand_id)[0].id
        self.book.links.append(Link(link_id, token, video, now() + timedelta(hours=hours)))

    def revoke_link(self, link: Link) -> None:
        if not link.bystander:
            revoke_link(link.id, brand_id=self.w.brand_id, actor_id=self.w.operator)
            link.revoked = True

    # The authority

    def withdraw(self, effect: str | None) -> None:
        with self._refusable(), self._seeing():
            self.w.withdraw(effect=effect)
            self.book.change(now(), "revoked", effect)  # type: ignore[arg-type]

    def suspend(self) -> None:
        with self._refusable(), self._seeing():
            self.w.withdraw(status="suspended")
            self.book.change(now(), "suspended")

    def lift(self) -> None:
        with self._refusable(), self._seeing():
            self.w.withdraw(status="granted")
            self.book.change(now(), "granted")

    def supersede(self, *, covers: bool, days: float, on_withdrawal: str, on_expiry: str) -> None:
        scope = {
            "channels": ("link",) if covers else ("email",),
            "not_after": now() + timedelta(days=days),
            "on_withdrawal": on_withdrawal,
            "on_expiry": on_expiry,
        }
        with self._refusable(), self._seeing():
            self.w.supersede(**scope)
            version = Version(scope["not_after"], on_withdrawal, on_expiry, covers)  # type: ignore[arg-type]
            self.book.supersede(now(), version)

    # The machine

    def advance(self, video: Video) -> None:
        with self._seeing():
            advance(video.id)

    def relay(self) -> None:
        outbox.relay(self._post)

    def sweep(self) -> None:
        with self._seeing():
            self.book.end_by_date(now())
            greenroom.relay.sweep(self._post, Status("relay"))

    def deliver(self, index: int, *, keep: bool = False) -> None:
        """One message arrives; a kept one arrives again later."""
        if self.mail:
            index %= len(self.mail)
            topic, payload = self.mail[index] if keep else self.mail.pop(index)
            with self._seeing():
                HANDLERS[topic](payload)

    def lose(self) -> None:
        self.mail.clear()

    def sequence(self) -> None:
        sequence_pending()

    def tick(self, seconds: float) -> None:
        self.w.tick(seconds)
        self.behind = max(0.0, self.behind - seconds)  # how far the clock was ahead once

    def lose_bytes(self, video: Video) -> None:
        if video.published is not None:
            path = self.w.home / "blobs" / "published" / video.published[:2] / video.published
            path.unlink(missing_ok=True)
            video.bytes_there = False

    @contextmanager
    def crashing(self, seam: str, how: str) -> Iterator[None]:
        """Whatever runs in the block crashes at this seam, if it gets there."""
        with seams.crashing(seam, how):
            yield

    @contextmanager
    def at(self, seam: str, act: Callable[[], None]) -> Iterator[None]:
        """Somebody else acts when what runs in the block gets to this seam, once."""
        left = [seam]

        def hook(name: str) -> None:
            if left == [name]:
                left.clear()
                # A process of its own knows nothing of this one's heartbeat.
                contextvars_free(lambda: (self.see(), act()))

        with seams.told(hook):
            yield

    # At the end

    def quiet(self) -> None:
        """Let the relay run until nothing happens any more; then nothing may wait that nobody takes on."""
        self.tick(self.behind)  # a clock that was put back delays what it delays, and no longer
        for _ in range(40):
            before = self._everything()
            self.tick(61)
            self.sweep()
            self.relay()
            while self.mail:
                self.deliver(0)
            if self._everything() == before and self._settled():
                break
        self.check(ledger=False)
        self._nothing_waits()
        self._no_orphans()
        self._a_person_goes_on()

    def _everything(self) -> list[tuple[Any, ...]]:
        return rows(self.w, "SELECT id, state, fence FROM renders ORDER BY id")

    def _settled(self) -> bool:
        return self.book.version.status == "suspended" or not any(
            video.state in BEFORE_REVIEW for video in self.videos()
        )

    def _nothing_waits(self) -> None:
        clock = now().timestamp() + 61
        autos = (
            "SELECT r.id FROM renders r JOIN campaigns c ON c.id = r.campaign_id WHERE c.release_on_approval"
        )
        auto = {row[0] for row in rows(self.w, autos)}
        found = rows(self.w, "SELECT id, state, reason, lease_until FROM renders")
        for video_id, state, reason, lease in found:
            video = self.book.videos.get(video_id)
            if video is None:
                continue
            if lease is not None and lease > clock:
                raise Violation(f"{video_id} ({state}) keeps its lease")
            if state in BEFORE_REVIEW and self.book.version.status != "suspended":
                raise Violation(f"{video_id} waits for ever as {state}")
            if state == "approved" and reason is None and video_id in auto:
                raise Violation(f"{video_id} waits for ever to be released")
            if state == "failed" and not reason:
                raise Violation(f"{video_id} failed and nobody knows why")
            ended = self.book.version.status in ("revoked", "expired")
            if ended and state in (*BEFORE_REVIEW, "in_review", "approved", "failed"):
                raise Violation(f"{video_id} goes on as {state} under an authority that ended")
            if video.withdrawn and state == "released":
                raise Violation(f"{video_id} was taken back by the person and its row says {state}")

    def _no_orphans(self) -> None:
        delivery.orphans.sweep_orphans(older_than=-3600, every=-1)
        named = {row[0] for row in rows(self.w, "SELECT sha256 FROM assets WHERE role = 'published'")}
        there = {path.name for path in self.w.published()}
        lost = {video.published for video in self.videos() if not video.bytes_there}
        if there != named - lost:
            raise Violation(f"published files and their rows differ: {there ^ (named - lost)}")

    def _a_person_goes_on(self) -> None:
        """What waits for a person, a person can take on."""
        for video in self.videos():
            before = video.state
            if before == "in_review":
                self.reject(video, self.w.legal)  # who has decided nothing yet
            elif before in ("approved", "released"):
                self.recall(video)
            elif before == "failed":
                self.retry(video)
            if before in ("in_review", "approved", "released", "failed") and video.state == before:
                raise Violation(f"{video.id} is {before} and no person can take it on: {self.said[-1:]}")

    # Help

    def _known(self, video_id: str, name: str) -> None:
        self.book.videos[video_id] = Video(video_id, people=2 if name == "high" else 1)

    def _post(self, topic: str, payload: dict[str, Any]) -> None:
        self.mail.append((topic, payload))

    def _scope(self) -> Any:
        return self.w.authority.scope

    @contextmanager
    def _refusable(self) -> Iterator[None]:
        try:
            yield
        except GreenroomError as refusal:
            self.said.append(refusal.code)

    @contextmanager
    def _seeing(self) -> Iterator[None]:
        """What the act led to is seen before anything else happens, also where it ended in a crash."""
        try:
            yield
        finally:
            self.see()


def contextvars_free(act: Callable[[], Any]) -> None:
    import contextvars

    contextvars.Context().run(act)
