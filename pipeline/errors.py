"""Errors of the pipeline."""

from __future__ import annotations

from core.errors import Conflict, InputError


class LeaseLost(Conflict):
    """Another worker holds the stage now, or its deadline has passed; this worker's result is thrown away."""

    code = "lease_lost"


class AuthorityInvalid(Conflict):
    """The authority does not allow new work at this moment; ``code`` says how it stands."""

    code = "authority_not_valid"


class RequestKeyReused(Conflict):
    """The same request key came again with another request; neither was changed."""

    code = "request_key_reused"


class MadeAgain(Conflict):
    """Another render took this one's place already; ``where`` names it."""

    code = "made_again"


class RecipientSuppressed(Conflict):
    """The recipient is on the brand's suppression list: nothing is made, released or sent for them."""

    code = "recipient_suppressed"


class BadCursor(InputError):
    """A cursor that this list never gave."""

    code = "bad_cursor"
