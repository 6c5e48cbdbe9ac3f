"""A campaign's progress as programs read it, and as people do."""

from __future__ import annotations

from typing import Any

from core.database import reading
from pipeline.causes import STOPPED
from pipeline.progress import MOST_COUNTED, Progress, progress_of
from pipeline.tables import CampaignRow
from review_ui.pages.queue import numbers

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))


def look(campaign: CampaignRow) -> dict[str, Any]:
    """One look at a campaign, as :func:`look_of`."""
    with reading() as session:
        return look_of(progress_of(session, campaign))


def look_of(found: Progress) -> dict[str, Any]:
    """:func:`document`, and ``words`` for the places of its page."""
    return {**document(found), "words": words(found)}


def document(found: Progress) -> dict[str, Any]:
    """The numbers as JSON. ``seconds_left`` is null where it cannot be told."""
    return {
        "counts": {state.value: number for state, number in sorted(found.counts.items())},
        "total": found.total,
        "done": found.done,
        "making": found.making,
        "stages": found.stages,
        "working": found.working,
        "ahead": found.ahead,
        "seconds_left": None if found.seconds_left is None else round(found.seconds_left),
    }


def words(found: Progress) -> dict[str, str]:
    """Sentences by the place that they have on the page; "" where there is nothing to say."""
    return {
        "done": _done(found),
        "stages": _listed(found.stages),
        "place": _place(found),
        "left": f"About {duration(found.seconds_left)} left." if found.seconds_left is not None else "",
        **{f"view-{name}": f"{number:,}" for name, number in numbers(found.counts).items()},
    }


def _done(found: Progress) -> str:
    if not found.total:
        return "Nothing was asked for yet."
    stopped = sum(found.counts.get(state, 0) for state in STOPPED)
    return f"{found.done:,} of {found.total:,} done" + (f", {stopped:,} of them stopped" if stopped else "")


def _listed(stages: dict[str, int]) -> str:
    return (
        "Waiting or at work: " + ", ".join(f"{stage} {n:,}" for stage, n in stages.items()) + "."
        if stages
        else ""
    )


def _place(found: Progress) -> str:
    if not found.making:
        return ""
    if found.working:
        at_work = f"{found.working} being worked on now."
        return at_work if not found.ahead else f"{at_work} {_ahead(found.ahead)}"
    if found.ahead or found.elsewhere:
        return _ahead(found.ahead) if found.ahead else "It waits for other campaigns' stages to end."
    return "No worker is at it now."


def _ahead(number: int) -> str:
    more = " or more" if number >= MOST_COUNTED else ""
    return f"{number}{more} {'video was' if number == 1 and not more else 'videos were'} asked for before."


def duration(seconds: float) -> str:
    """A time that nobody needs exactly: ``a minute``, ``5 minutes``, ``3 hours``."""
    for unit, name in _UNITS:
        if seconds >= unit * 1.5 or (unit == 60 and seconds > 0):
            number = max(1, round(seconds / unit))
            return f"{number:,} {name}{'' if number == 1 else 's'}"
    return "no time"
