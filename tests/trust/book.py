"""What may be served, kept by hand beside the product.

Written from the words of docs/architecture.md and not from the code. It knows what people did (an approval that was
accepted, a withdrawal, a recall) and reads states; what it does not find allowed is a violation.

An authority's effects: `recall` takes back what is out and stops all, for good; `stop` ends new links and releases
while links that exist go on; `none` lets released videos stand. The end by date acts as the record says, a suspension
as `stop` until it is lifted. A new version takes the old one's place, and what was taken back stays so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

Effect = Literal["none", "stop", "recall"]

# From where to where a render may get, in any number of steps; nothing leads out of an end.
BEFORE_REVIEW = ("draft", "scripted", "voiced", "encoded", "examined", "sealed")
ENDS = {"recalled", "blocked", "rejected"}


class Violation(AssertionError):
    """A promise of the product was broken."""


@dataclass
class Version:
    """An authority's version in force."""

    not_after: datetime
    on_withdrawal: Effect = "stop"
    on_expiry: Effect = "stop"
    covers: bool = True
    status: Literal["granted", "suspended", "revoked", "expired"] = "granted"
    effect: Effect = "none"


@dataclass
class Video:
    """One render, as people know it."""

    id: str
    people: int = 1  # how many must approve
    approved_by: set[str] = field(default_factory=set)
    rejected: bool = False
    state: str = ""
    published: str | None = None
    recalled: bool = False
    withdrawn: bool = False
    bytes_there: bool = True

    @property
    def out(self) -> bool:
        return self.state == "released" and not self.recalled and not self.withdrawn


@dataclass
class Link:
    id: str
    token: str
    video: Video
    expires_at: datetime
    revoked: bool = False
    bystander: bool = False  # of another authority: whatever happens here, it goes on


@dataclass
class Book:
    """One authority and everything under it."""

    version: Version
    videos: dict[str, Video] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)

    # The authority

    def effect(self, at: datetime) -> Effect:
        version = self.version
        if version.status in ("revoked", "expired"):
            return version.effect
        if at >= version.not_after:
            return version.on_expiry
        return "stop" if version.status == "suspended" else "none"

    def in_force(self, at: datetime) -> bool:
        return self.version.status == "granted" and at < self.version.not_after

    def change(self, at: datetime, status: str, effect: Effect | None = None) -> None:
        """Somebody suspended, lifted, withdrew or ended the authority."""
        self.end_by_date(at)
        version = self.version
        if status == "granted":
            version.status, version.effect = "granted", "none"
        elif status == "suspended":
            version.status, version.effect = "suspended", "stop"
        else:
            usual = version.on_expiry if status == "expired" else version.on_withdrawal
            version.status, version.effect = status, effect or usual  # type: ignore[assignment]
        self._take_back()

    def supersede(self, at: datetime, version: Version) -> None:
        self.end_by_date(at)
        self.version = version

    def end_by_date(self, at: datetime) -> None:
        """It was over before anything else happened to it, whether somebody had written that down or not."""
        version = self.version
        if at >= version.not_after and version.status in ("granted", "suspended"):
            version.status, version.effect = "expired", version.on_expiry
            self._take_back()

    def _take_back(self) -> None:
        if self.version.effect == "recall":
            for video in self.videos.values():
                video.withdrawn |= video.state == "released"

    # What may be

    def may_release(self, video: Video, at: datetime) -> str:
        """Why not; "" where it may."""
        if video.rejected or len(video.approved_by) < video.people:
            return "not approved"
        if not self.in_force(at):
            return "the authority is not in force"
        return "" if self.version.covers else "the authority does not cover it"

    def serves(self, link: Link, at: datetime) -> bool:
        video = link.video
        alive = not link.revoked and at < link.expires_at
        if link.bystander:
            return alive
        return alive and video.bytes_there and video.out and self.effect(at) != "recall"

    def new_links(self, video: Video, at: datetime) -> bool:
        if not (video.out and video.bytes_there):
            return False
        effect = self.effect(at)
        return effect == "none" and (self.version.covers or not self.in_force(at))

    def release_words(self, video: Video, at: datetime) -> set[str]:
        """What the world may be told of a video's release."""
        words = set()
        if video.recalled:
            words.add("recalled")
        if video.withdrawn or (video.state == "released" and self.effect(at) == "recall"):
            words.add("withdrawn")
        return words or ({"released"} if video.state == "released" else {"unreleased"})

    # What is seen

    def see(self, video_id: str, state: str, published: str | None, at: datetime) -> None:
        """A render was seen in a state: it must have been allowed to get there."""
        video = self.videos.setdefault(video_id, Video(video_id))
        before, video.state = video.state, state
        if before == state:
            if state == "released" and published != video.published:
                raise Violation(f"{video_id} was released twice, with two files")
            return
        if before in ENDS or (before == "released" and state != "recalled"):
            raise Violation(f"{video_id} left '{before}' for '{state}'")
        if state == "approved" and (video.rejected or len(video.approved_by) < video.people):
            raise Violation(f"{video_id} is approved without the approvals")
        if state == "released":
            video.published = published
            if why := self.may_release(video, at):
                raise Violation(f"{video_id} was released from '{before}': {why}")
        if state == "rejected" and not video.rejected:
            raise Violation(f"{video_id} is rejected and nobody rejected it")
        if state == "recalled" and not video.recalled and not self._person_took(video, before, at):
            raise Violation(f"{video_id} is recalled and nobody took it back")
        if state == "blocked" and before not in ("", *BEFORE_REVIEW) and self.in_force(at):
            raise Violation(f"{video_id} is blocked under an authority that is in force")

    def _person_took(self, video: Video, before: str, at: datetime) -> bool:
        return video.withdrawn or (before == "released" and self.effect(at) == "recall")
