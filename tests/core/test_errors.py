"""Errors are product text: what happened, where, and what to do next."""

from __future__ import annotations

import pytest

from core import errors
from core.errors import GreenroomError, InputError, MediaError


def test_the_sentence() -> None:
    error = GreenroomError("it broke.", where="stage encode", next_step="try again.")
    assert str(error) == "it broke. Where: stage encode. Next: try again."
    assert str(GreenroomError("it broke")) == "it broke."


def test_the_document() -> None:
    error = MediaError("too long", where="a.mp4", next_step="cut it", code="too_long")
    assert error.as_dict() == {"code": "too_long", "what": "too long", "where": "a.mp4", "next": "cut it"}
    assert isinstance(error, InputError)


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("InputError", "bad_input", 422),
        ("MediaError", "bad_media", 422),
        ("NotFound", "not_found", 404),
        ("Conflict", "conflict", 409),
        ("Forbidden", "forbidden", 403),
        ("IntegrityError", "integrity", 500),
        ("BlobStoreUnavailable", "blob_store_unavailable", 503),
        ("BlobStoreFull", "blob_store_full", 507),
        ("DatabaseBusy", "database_busy", 503),
    ],
)
def test_codes_and_statuses_are_stable(kind: str, code: str, status: int) -> None:
    error = getattr(errors, kind)("x")
    assert isinstance(error, GreenroomError)
    assert (error.code, error.http_status) == (code, status)


def test_a_code_of_its_own_stays_with_the_one_error() -> None:
    GreenroomError("x", code="special")
    assert GreenroomError("y").code == "greenroom_error"


def test_only_what_says_so_is_worth_the_same_try_later() -> None:
    assert not GreenroomError("it broke").retryable
    assert errors.DatabaseBusy("it is locked").retryable
