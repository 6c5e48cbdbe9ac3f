"""Asking a timestamp authority (RFC 3161) for a token over a digest; who answers is checked by whoever verifies."""

from __future__ import annotations

import secrets
import time

import httpx
from asn1crypto import tsp

from core.heartbeat import beat
from provenance.errors import TimestampUnavailable
from provenance.exchange import LARGEST_TOKEN

TRIES = 3
PAUSE = 0.4  # seconds, doubled after each try
ANSWER_SECONDS, CONNECT_SECONDS = 10.0, 4.0


def token_over(digest: bytes, url: str) -> bytes:
    """A timestamp token (CMS, DER) over a SHA-256, after a few tries. Raises TimestampUnavailable."""
    for number in range(TRIES):
        beat()
        try:
            return _asked(digest, url)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError) as error:
            if number == TRIES - 1:
                raise TimestampUnavailable(
                    f"the timestamp authority did not answer ({type(error).__name__})",
                    where="GREENROOM_TIMESTAMP_URL",
                    next_step="nothing was signed; try again when the authority answers",
                ) from error
        time.sleep(PAUSE * 2**number)
    raise AssertionError("unreachable")


def _asked(digest: bytes, url: str) -> bytes:
    nonce = secrets.randbits(63)
    imprint = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": digest}
    request = tsp.TimeStampReq(
        {"version": "v1", "message_imprint": imprint, "nonce": nonce, "cert_req": True}
    ).dump()
    answer = tsp.TimeStampResp.load(_posted(request, url), strict=True)
    if answer["status"]["status"].native not in ("granted", "granted_with_mods"):
        raise ValueError("refused")
    token = answer["time_stamp_token"]
    told = token["content"]["encap_content_info"]["content"].parsed
    stated = told["message_imprint"]
    same = (stated["hash_algorithm"]["algorithm"].native, stated["hashed_message"].native) == (
        "sha256",
        digest,
    )
    if not same or told["nonce"].native != nonce:
        raise ValueError("a token over something else")
    return bytes(token.dump())


def _posted(request: bytes, url: str) -> bytes:
    """The body of an answer of status 200. Raises httpx.HTTPError, ValueError."""
    headers = {"content-type": "application/timestamp-query", "accept": "application/timestamp-reply"}
    timeout = httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS)
    body, end = b"", time.monotonic() + ANSWER_SECONDS
    with (
        httpx.Client(timeout=timeout, trust_env=False) as client,
        client.stream("POST", url, content=request, headers=headers) as reply,
    ):
        reply.raise_for_status()
        for part in reply.iter_bytes():
            body += part
            if len(body) > LARGEST_TOKEN or time.monotonic() > end:
                raise ValueError("too long, or too slow")
    return body
