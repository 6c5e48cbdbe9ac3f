"""Errors of delivery."""

from __future__ import annotations

from core.errors import Conflict, GreenroomError, NotFound


class ReleaseRefused(Conflict):
    """A condition of trust step 12 does not hold; nothing was released and nothing was left behind."""

    code = "release_refused"


class NotServed(Conflict):
    """The predicate of trust step 13 says no; ``code`` and text say why."""

    code = "not_served"


class LinkGone(NotFound):
    """No video behind this link: forged, unknown, expired, revoked, or never released. One answer for all of them."""

    code = "link_gone"


class LinkTakenBack(NotFound):
    """A genuine link to a video that was taken back: ``link_recalled`` or ``link_withdrawn``."""

    code = "link_recalled"
    http_status = 410


class UnfitParts(GreenroomError):
    """This installation may not start in production with its parts, or this machine does not fit its database."""

    code = "unfit_parts"


class EnoughReports(GreenroomError):
    """So many cases about this link are open that one more would tell nobody anything new."""

    code = "enough_reports"
    http_status = 429
