"""The course of a campaign: it runs, is paused, or was cancelled for good. A campaign without a row runs.

A paused campaign takes new requests, and workers take nothing of it. A cancelled one takes no requests; what nobody has
approved ends (pipeline/steering.py), and what is approved is released only where a person asks.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from sqlalchemy import ColumnElement, exists, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from core.database import hold, seize
from core.errors import Conflict
from pipeline.tables import CampaignCourseRow


class Course(StrEnum):
    """Where a campaign is."""

    RUNNING = "running"
    PAUSED = "paused"
    CANCELLED = "cancelled"


class CampaignHalted(Conflict):
    """The campaign is paused or cancelled; ``code`` says which."""

    code = "campaign_paused"


def course_of(session: Session, campaign_id: str) -> Course:
    """Where a campaign is at this moment."""
    found = session.scalar(
        select(CampaignCourseRow.course).where(CampaignCourseRow.campaign_id == campaign_id)
    )
    return Course(found) if found is not None else Course.RUNNING


def courses_of(session: Session, campaign_ids: Collection[str]) -> dict[str, Course]:
    """Where campaigns are that do not run; those that run are absent."""
    rows = select(CampaignCourseRow.campaign_id, CampaignCourseRow.course).where(
        CampaignCourseRow.campaign_id.in_(campaign_ids), CampaignCourseRow.course != Course.RUNNING
    )
    return {campaign_id: Course(course) for campaign_id, course in session.execute(rows)}


def is_at(campaign_id: InstrumentedAttribute[str], *courses: Course) -> ColumnElement[bool]:
    """Whether the campaign that a row names is at one of these: a condition for the statement that takes the row."""
    return exists().where(
        CampaignCourseRow.campaign_id == campaign_id, CampaignCourseRow.course.in_([*courses])
    )


def check_open(session: Session, campaign_id: str) -> None:
    """Raises CampaignHalted where the campaign was cancelled. Until the caller's transaction ends nobody cancels it."""
    hold(session, _fact(campaign_id))
    if course_of(session, campaign_id) is Course.CANCELLED:
        raise cancelled(campaign_id)


def take_helm(session: Session, campaign_id: str) -> Course:
    """Where the campaign is, once every transaction has ended that relies on it; nobody else steers until we end."""
    seize(session, _fact(campaign_id))
    return course_of(session, campaign_id)


def check_goes(session: Session, campaign_id: str, *, asked: bool) -> None:
    """Whether a release may leave.

    Raises CampaignHalted: the campaign is paused, or was cancelled and no person asks.
    """
    course = course_of(session, campaign_id)
    if course is Course.PAUSED:
        raise CampaignHalted("the campaign is paused", where=campaign_id, next_step="resume it first")
    if course is Course.CANCELLED and not asked:
        raise cancelled(campaign_id)


def cancelled(campaign_id: str) -> CampaignHalted:
    """What to say of a cancelled campaign."""
    return CampaignHalted(
        "the campaign was cancelled, and takes nothing new",
        where=campaign_id,
        next_step="make another campaign",
        code="campaign_cancelled",
    )


def _fact(campaign_id: str) -> str:
    return f"course of {campaign_id}"
