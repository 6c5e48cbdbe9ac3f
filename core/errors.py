"""One family of errors; each tells a person what happened, where, and what to do next.

A subclass per package lives in that package's ``errors.py``. ``code`` is stable: scripts and the API
match on it. ``str(error)`` is product text and is snapshot-tested.
"""

from __future__ import annotations


class GreenroomError(Exception):
    """Something failed in a way that a person can act on.

    Args:
        what: one sentence: what happened.
        where: the file, stage, field or setting concerned; never personal data.
        next_step: one sentence: what the person can do about it.
    """

    code: str = "greenroom_error"
    http_status: int = 500
    retryable: bool = False
    """The same again, later, may well succeed: somebody else was down or busy."""

    def __init__(self, what: str, *, where: str = "", next_step: str = "", code: str | None = None):
        self.what = what
        self.where = where
        self.next_step = next_step
        if code is not None:
            self.code = code
        super().__init__(what)

    def __str__(self) -> str:
        parts = [self.what.rstrip(".") + "."]
        if self.where:
            parts.append(f"Where: {self.where}.")
        if self.next_step:
            parts.append(f"Next: {self.next_step.rstrip('.')}.")
        return " ".join(parts)

    def as_dict(self) -> dict[str, str]:
        """The JSON form that the command line (``--json``) and the API print."""
        return {
            "code": self.code,
            "what": self.what,
            "where": self.where,
            "next": self.next_step,
        }


class InputError(GreenroomError):
    """What a person or a customer's system handed in cannot be used as it is."""

    code = "bad_input"
    http_status = 422


class MediaError(InputError):
    """A media file cannot be read, or breaks a limit. ``code`` says which."""

    code = "bad_media"


class NotFound(GreenroomError):
    """No such thing, or not one that this caller may know of."""

    code = "not_found"
    http_status = 404


class Conflict(GreenroomError):
    """The thing is not in a state that allows this; nothing was changed."""

    code = "conflict"
    http_status = 409


class Forbidden(GreenroomError):
    """This caller may not do this."""

    code = "forbidden"
    http_status = 403


class IntegrityError(GreenroomError):
    """Stored bytes, a signature or a digest do not agree with the record. Always fails closed."""

    code = "integrity"
    http_status = 500


class BlobStoreUnavailable(GreenroomError):
    """The blob store did not answer, or answered with an error of its own; nothing was handed out."""

    code = "blob_store_unavailable"
    http_status = 503
    retryable = True


class BlobStoreFull(BlobStoreUnavailable):
    """A blob, or the local copy of one, could not be written. No part of it stays."""

    code = "blob_store_full"
    http_status = 507


class DatabaseBusy(GreenroomError):
    """The database was locked for longer than anybody should wait; nothing was changed."""

    code = "database_busy"
    http_status = 503
    retryable = True


class DevelopmentPart(UserWarning):
    """A development or null part is in use (a development CA, a null voice): fine for a demonstration, never
    for production. Shown in the console, the credential and on the public page too."""
