"""An object store past one machine: how long anybody waits for it, and what its errors are called here.

obstore finds credentials, region and endpoint by itself (``AWS_*``; docs/operations.md lists what is needed). What is
set here is what a caller may lean on: silence ends, tries are counted, and every failure is a
:class:`core.errors.BlobStoreUnavailable`.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import ObjectStore, from_url

from core.errors import BlobStoreUnavailable, InputError

log = logging.getLogger("greenroom.blobs")

CONNECT_SECONDS = 3.0
LONGEST_REQUEST_SECONDS = 600.0
"""A request that brings a byte now and then ends after this long too."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(milliseconds=100), timedelta(seconds=2)


def open_store(url: str, *, silence: float, retries: int) -> ObjectStore:
    """A store whose requests end.

    Args:
        silence: seconds without a byte after which a request is given up.
        retries: tries after the first, with pauses that double up to two seconds. What is retried: 5xx, connections
            that fail or break, and silence where the request only reads.
    """
    if url.startswith("memory:"):
        return from_url(url)
    try:
        return _opened(url, silence, retries)
    except (BaseError, ValueError) as error:
        raise InputError(
            "the address of the object store is of no kind that is understood here",
            where="GREENROOM_BLOB_URL, GREENROOM_LEDGER_URL",
            next_step="use s3://bucket/prefix, or file:///folder; region and endpoint are AWS_REGION, AWS_ENDPOINT",
        ) from error


def _opened(url: str, silence: float, retries: int) -> ObjectStore:
    client: dict[str, Any] = {
        "connect_timeout": timedelta(seconds=min(CONNECT_SECONDS, silence)),
        "read_timeout": timedelta(seconds=silence),
        "timeout": timedelta(seconds=max(silence, LONGEST_REQUEST_SECONDS)),
        # Options that are passed take the place of those that obstore would read from the environment.
        "allow_http": os.environ.get("AWS_ALLOW_HTTP", "").lower() in ("1", "true"),
    }
    retry: dict[str, Any] = {
        "max_retries": retries,
        "retry_timeout": timedelta(seconds=silence * (retries + 1)),
        "backoff": {"init_backoff": _FIRST_PAUSE, "max_backoff": _LONGEST_PAUSE, "base": 2},
    }
    return from_url(url, client_options=client, retry_config=retry)  # type: ignore[call-overload,no-any-return]


@contextmanager
def in_words(
    doing: str, *, may_be_absent: bool = False, setting: str = "GREENROOM_BLOB_URL"
) -> Iterator[None]:
    """What the store raises in the block, as :class:`BlobStoreUnavailable`.

    Args:
        doing: what was asked of it ("reading"); the store's own words, which name hosts, go to the log alone.
        may_be_absent: FileNotFoundError is an answer, and stays what it is. Elsewhere it is a bucket that is gone.
        setting: which store it is.
    """
    try:
        yield
    except (PermissionDeniedError, UnauthenticatedError) as error:
        log.warning("%s refused: %s %s", setting, doing, type(error).__name__)
        raise BlobStoreUnavailable(
            "the object store does not let this process in",
            where=f"{setting}, {doing}",
            next_step="check the credentials and what they may do; the work goes on by itself then",
            code="blob_store_refused",
        ) from error
    except BaseError as error:
        log.warning("%s failed: %s: %.300s", setting, doing, str(error).partition("\n")[0])
        raise unavailable(doing, setting) from error
    except OSError as error:
        if may_be_absent and isinstance(error, FileNotFoundError | NotADirectoryError):
            raise
        log.warning("%s failed: %s: %s", setting, doing, error.strerror or type(error).__name__)
        raise unavailable(doing, setting) from error


def unavailable(doing: str, setting: str = "GREENROOM_BLOB_URL") -> BlobStoreUnavailable:
    """The store did not do what it was asked for."""
    return BlobStoreUnavailable(
        "the object store did not answer as it should",
        where=f"{setting}, {doing}",
        next_step="wait until it is back; the work goes on by itself then",
    )
