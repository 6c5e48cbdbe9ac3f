"""A worker examines a reference clip, and says what passed and what to film again.

The row is the job, as a render's is: a message is a hint, the lease has a fence, the sweeper sends again.
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import CursorResult, or_, select, update
from sqlalchemy.orm import Session

from audit.events import Event
from audit.ledger import append
from core.blobs import blobs
from core.database import now, reading, take_turn, transaction
from core.errors import DatabaseBusy, GreenroomError, InputError
from core.heartbeat import beating
from core.settings import get_settings
from generate.errors import ReferenceRefused
from pipeline.capture.references import EXAMINE, KIND, ROLE
from pipeline.capture.tables import OnboardingRow
from pipeline.errors import LeaseLost
from pipeline.leases import database_clock, database_seconds
from pipeline.outbox import Send
from pipeline.shift import ShiftOver

log = logging.getLogger("greenroom.pipeline")

CHECKS: dict[str, str] = {
    "sound": "it has sound",
    "face": "one face is seen",
    "size": "the face is large enough",
    "turn": "the face looks at the camera",
    "length": "it lasts, without a cut",
    "mouth": "the person speaks",
}
"""What is looked at, in this order. A later one is not looked at where an earlier one fails."""

_CHECK_OF = {
    "no_audio": "sound",
    "no_face": "face",
    "several_faces": "face",
    "face_too_small": "size",
    "frame_size": "size",
    "turned_away": "turn",
    "too_short": "length",
    "cut_in_clip": "length",
    "still_mouth": "mouth",
}


def examine(onboarding_id: str, on_beat: Callable[[], None] = lambda: None) -> None:
    """Examine a reference that waits, once; nothing happens where it does not, or somebody else does it.

    Args:
        on_beat: told of each piece of work; what it raises ends the work, which waits again.
    """
    taken = _claim(onboarding_id)
    if taken is None:
        return

    def beat() -> None:
        on_beat()
        taken.beat()

    try:
        if taken.attempts > get_settings().pipeline.max_attempts:
            what = "this clip ended its examination each time"
            raise InputError(what, next_step="send it in another format", code="poison")
        with beating(beat):
            _record(taken, **_passed(taken))
    except (LeaseLost, ShiftOver):
        log.warning("not examined to the end: %s", onboarding_id)
        _give_back(taken)
    except InputError as error:
        _record(taken, state="refused", result=_refused(error, taken.pictures))
    except GreenroomError as error:
        log.warning("not examined, will be tried again: %s %s", onboarding_id, error.code)
        _give_back(taken)


def sweep_references(send: Send, *, limit: int = 50) -> list[str]:
    """Send a hint for each reference that waits, on which nobody works and of which no message is on its way."""
    with reading() as session:
        clock = database_seconds(session)
        stalled = session.scalars(
            select(OnboardingRow.id)
            .where(
                OnboardingRow.state == "waiting",
                or_(OnboardingRow.lease_until.is_(None), OnboardingRow.lease_until < clock),
                or_(
                    OnboardingRow.hinted_at.is_(None),
                    OnboardingRow.hinted_at < clock - get_settings().pipeline.resend_seconds,
                ),
            )
            .limit(limit)
        ).all()
    if stalled:
        with transaction() as session:
            _set(session, OnboardingRow.id.in_(stalled), hinted_at=clock)
    for onboarding_id in stalled:
        send(EXAMINE, {"onboarding_id": onboarding_id, "kind": KIND})
    return list(stalled)


@dataclass
class _Taken:
    """The right to examine one reference until the lease ends."""

    id: str
    reference_sha256: str
    fence: int
    attempts: int
    pictures: list[dict[str, Any]] = field(default_factory=list)
    share: float = 0.0
    _renewed: float = field(default_factory=time.monotonic)

    def beat(self) -> None:
        seconds = get_settings().pipeline.lease_seconds
        if time.monotonic() - self._renewed < min(2.0, seconds / 4):
            return
        try:
            with transaction() as session:
                until = database_clock(session) + seconds
                ours = _set(session, *self.ours(), lease_until=until, progress=self.share)
        except DatabaseBusy:
            return
        if not ours:
            raise LeaseLost("this examination is no longer ours", where=self.id)
        self._renewed = time.monotonic()

    def ours(self) -> tuple[Any, ...]:
        return (
            OnboardingRow.id == self.id,
            OnboardingRow.fence == self.fence,
            OnboardingRow.state == "waiting",
        )


def _claim(onboarding_id: str) -> _Taken | None:
    with transaction() as session:
        clock = database_clock(session)
        row = session.execute(
            update(OnboardingRow)
            .where(
                OnboardingRow.id == onboarding_id,
                OnboardingRow.state == "waiting",
                or_(OnboardingRow.lease_until.is_(None), OnboardingRow.lease_until < clock),
            )
            .values(
                fence=OnboardingRow.fence + 1,
                attempts=OnboardingRow.attempts + 1,
                lease_until=clock + get_settings().pipeline.lease_seconds,
                hinted_at=None,
                progress=0.0,
            )
            .returning(OnboardingRow.reference_sha256, OnboardingRow.fence, OnboardingRow.attempts)
            .execution_options(synchronize_session=False)
        ).one_or_none()
    if row is None or row.reference_sha256 is None:
        return None
    return _Taken(onboarding_id, row.reference_sha256, row.fence, row.attempts)


def _passed(taken: _Taken) -> dict[str, Any]:
    """The examination; its pictures are kept also where it fails. Raises as
    :func:`pipeline.onboarding.examine_reference`."""
    from pipeline.onboarding import PictureCollector, examine_reference

    collector = PictureCollector()

    def progress(share: float) -> None:
        taken.share = share

    try:
        found = examine_reference(
            blobs().get_file(taken.reference_sha256, ROLE), watchers=[collector], progress=progress
        )
    finally:
        taken.pictures = [
            {
                "seconds": round(one.seconds, 2),
                "frame": one.frame,
                "face": one.face,
                "jpeg": base64.b64encode(one.jpeg).decode(),
            }
            for one in collector.pictures
        ]
    seen = found.examination
    result = {
        "pictures": taken.pictures,
        "checks": dict.fromkeys(CHECKS, "passed"),
        "notes": list(seen.notes),
        "face_px": round(seen.face_px),
        "usable": round(seen.usable, 3),
        "width": seen.width,
        "height": seen.height,
        "seconds": round(seen.frames / seen.fps, 1) if seen.fps else None,
    }
    return {"state": "passed", "result": result, "material_sha256": found.material_sha256}


def _refused(error: InputError, pictures: list[dict[str, Any]]) -> dict[str, Any]:
    """What is shown of a clip that cannot be used: what passed, what did not, and what to film again."""
    failed = _CHECK_OF.get(error.code)
    names = list(CHECKS)
    passed = names[: names.index(failed)] if failed is not None else []
    bad = set(error.frames) if isinstance(error, ReferenceRefused) else set()
    return {
        "pictures": [{**one, "bad": one["frame"] in bad} for one in pictures],
        "checks": {**dict.fromkeys(passed, "passed"), **({failed: "failed"} if failed else {})},
        "code": error.code,
        "what": error.what,
        "film_again": error.next_step,
    }


def _record(taken: _Taken, *, state: str, result: dict[str, Any], material_sha256: str | None = None) -> None:
    with transaction() as session:
        row = take_turn(session, OnboardingRow, taken.id)
        if row is None or (row.fence, row.state) != (taken.fence, "waiting"):
            log.warning("examined too late: %s", taken.id)
            return
        row.state, row.result, row.material_sha256 = state, result, material_sha256
        row.lease_until, row.progress, row.changed_at = None, 1.0, now()
        facts = {"verdict": state, "reason_code": result.get("code")}
        append(session, Event.REFERENCE_EXAMINED, row.id, facts, rows=[row])


def _give_back(taken: _Taken) -> None:
    try:
        with transaction() as session:
            _set(session, *taken.ours(), lease_until=None, hinted_at=database_clock(session))
    except DatabaseBusy:
        log.warning("its lease ends by itself: %s", taken.id)


def _set(session: Session, *where: Any, **values: Any) -> int:
    changed = session.execute(
        update(OnboardingRow).where(*where).values(**values).execution_options(synchronize_session=False)
    )
    return cast("CursorResult[Any]", changed).rowcount
