"""The state machine: any order of what people, workers, messages, time and crashes do to a few renders."""

from __future__ import annotations

from typing import Any, ClassVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from core.database import now
from tests.trust import seams
from tests.trust.acts import DAYS, Acts, Stage

WHICH = st.integers(0, 27)
EFFECTS = st.sampled_from(["none", "stop", "recall"])
CRASH = st.sampled_from(sorted(seams.CRASHES))
FORWARD = st.sampled_from([1.0, 31.0, 61.0, 3600.0, 12 * DAYS])
BACK = st.sampled_from([5.0, 61.0, 3600.0])


class Life(RuleBasedStateMachine):
    """``stage`` is set by whoever runs it. After each rule every promise is checked, and at the end all is quiet."""

    stage: ClassVar[Stage]
    steps: ClassVar[int] = 0

    def __init__(self) -> None:
        super().__init__()
        self.acts = Acts(self.stage)
        self.good = True

    def video(self, which: int, state: str = "") -> Any:
        """One of them; mostly one in the state in which the act means something."""
        videos = self.acts.videos()
        if which % 4:
            videos = [video for video in videos if video.state == state] or videos
        return videos[which // 4 % len(videos)]

    def done(self) -> None:
        type(self).steps += 1
        self.good = False
        self.acts.check()
        self.good = True

    # People

    @precondition(lambda self: len(self.acts.videos()) < 7)
    @rule(campaign=st.sampled_from(["manual", "auto", "high"]))
    def request(self, campaign: str) -> None:
        self.acts.request(campaign)
        self.done()

    @rule(
        which=WHICH,
        who=st.sampled_from(["reviewer", "second_reviewer", "reviewer", "second_reviewer", "operator"]),
        seen=st.sampled_from([True, True, True, False]),
        factor=st.sampled_from(["passkey", "passkey", "totp", "none"]),
    )
    def approve(self, which: int, who: str, seen: bool, factor: str) -> None:
        self.acts.approve(self.video(which, "in_review"), getattr(self.acts.w, who), seen=seen, factor=factor)
        self.done()

    @rule(which=WHICH)
    def approve_fully(self, which: int) -> None:
        video = self.video(which, "in_review")
        for reviewer in (self.acts.w.reviewer, self.acts.w.second_reviewer):
            self.acts.approve(video, reviewer)
        self.done()

    @rule(which=WHICH, hours=st.sampled_from([0.5, 24.0 * 60]))
    def go_out(self, which: int, hours: float) -> None:
        """The usual way to the end, so that there is something to take back."""
        acts, video = self.acts, self.video(which, "in_review")
        if not acts.book.in_force(now()) or not acts.book.version.covers:
            acts.supersede(covers=True, days=30.0, on_withdrawal="stop", on_expiry="recall")
        for reviewer in (acts.w.reviewer, acts.w.second_reviewer):
            acts.approve(video, reviewer)
        acts.release(video)
        acts.link(video, hours)
        self.done()

    @rule(which=WHICH)
    def reject(self, which: int) -> None:
        self.acts.reject(self.video(which, "in_review"))
        self.done()

    @rule(which=WHICH)
    def release(self, which: int) -> None:
        self.acts.release(self.video(which, "approved"))
        self.done()

    @rule(which=WHICH, seam=st.sampled_from(seams.RELEASE), how=CRASH)
    def release_that_crashes(self, which: int, seam: str, how: str) -> None:
        with self.acts.crashing(seam, how):
            self.acts.release(self.video(which, "approved"))
        self.acts.see()
        self.done()

    @rule(
        which=WHICH,
        seam=st.sampled_from([name for name in seams.RELEASE if name not in seams.IN_TRANSACTION]),
        other=st.sampled_from(
            ["recall", "withdraw", "suspend", "narrow", "release", "expire", "lease_ends", "sweep"]
        ),
        effect=EFFECTS,
    )
    def release_while(self, which: int, seam: str, other: str, effect: str) -> None:
        video, acts = self.video(which, "approved"), self.acts

        def lease_ends() -> None:
            acts.tick(61)
            acts.release(video)

        meanwhile = {
            "recall": lambda: acts.recall(video),
            "withdraw": lambda: acts.withdraw(effect),
            "suspend": acts.suspend,
            "narrow": lambda: acts.supersede(covers=False, days=30, on_withdrawal=effect, on_expiry=effect),
            "release": lambda: acts.release(video),
            "expire": lambda: acts.tick(31 * DAYS),
            "lease_ends": lease_ends,
            "sweep": lambda: (acts.sweep(), acts.relay()),
        }[other]
        with acts.at(seam, meanwhile):
            acts.release(video)
        self.done()

    @rule(which=WHICH)
    def recall(self, which: int) -> None:
        self.acts.recall(self.video(which, "released"))
        self.done()

    @rule(which=WHICH)
    def retry(self, which: int) -> None:
        self.acts.retry(self.video(which, "failed"))
        self.done()

    @rule(which=WHICH, hours=st.sampled_from([0.5, 24.0, 24.0 * 60]))
    def make_link(self, which: int, hours: float) -> None:
        self.acts.link(self.video(which, "released"), hours)
        self.done()

    @precondition(lambda self: len(self.acts.book.links) > 1)
    @rule(which=WHICH)
    def revoke_link(self, which: int) -> None:
        links = self.acts.book.links
        self.acts.revoke_link(links[which % len(links)])
        self.done()

    # The authority

    @rule(effect=st.sampled_from([None, "none", "stop", "recall"]))
    def withdraw(self, effect: str | None) -> None:
        self.acts.withdraw(effect)
        self.done()

    @precondition(lambda self: self.acts.book.version.status == "granted")
    @rule()
    def suspend(self) -> None:
        self.acts.suspend()
        self.done()

    @precondition(lambda self: self.acts.book.version.status == "suspended")
    @rule()
    def lift(self) -> None:
        self.acts.lift()
        self.done()

    @rule(
        covers=st.sampled_from([True, True, False]),
        days=st.sampled_from([1.0, 30.0]),
        on_withdrawal=EFFECTS,
        on_expiry=EFFECTS,
    )
    def supersede(self, **how: Any) -> None:
        self.acts.supersede(**how)
        self.done()

    # The machine, its network and its clock

    @rule(which=WHICH, seam=st.sampled_from((*seams.STAGE, "")), how=CRASH)
    def advance(self, which: int, seam: str, how: str) -> None:
        with self.acts.crashing(seam, how):
            self.acts.advance(self.video(which, "scripted"))
        self.acts.see()
        self.done()

    @rule(sweep=st.booleans())
    def relay(self, sweep: bool) -> None:
        if sweep:
            self.acts.sweep()
        self.acts.relay()
        self.done()

    @precondition(lambda self: self.acts.mail)
    @rule(which=WHICH, keep=st.booleans(), seam=st.sampled_from((*seams.RELEASE, *[""] * 6)), how=CRASH)
    def deliver(self, which: int, keep: bool, seam: str, how: str) -> None:
        with self.acts.crashing(seam, how):
            self.acts.deliver(which, keep=keep)
        self.acts.see()
        self.done()

    @precondition(lambda self: self.acts.mail)
    @rule()
    def lose_messages(self) -> None:
        self.acts.lose()

    @rule(seconds=FORWARD)
    def time_passes(self, seconds: float) -> None:
        self.acts.tick(seconds)
        self.done()

    @rule(seconds=BACK)
    def clock_steps_back(self, seconds: float) -> None:
        self.acts.tick(-seconds)
        self.done()

    @rule()
    def sequence(self) -> None:
        self.acts.sequence()
        self.done()

    @rule(which=st.integers(0, 50))
    def lose_bytes(self, which: int) -> None:
        if which < 4:
            self.acts.lose_bytes(self.video(which, "released"))
            self.done()

    def teardown(self) -> None:
        if self.good:  # else its first violation is told, not the last
            self.acts.quiet()
