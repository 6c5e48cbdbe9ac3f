"""A client for a signer that holds private keys elsewhere, over HTTP. What it answers is checked before it is used.

    POST <address>/<key id>/sign   the bytes to sign -> {"signature": hex}
    POST <address>                 makes a key       -> {"public": PEM}

The address names one key ring (``https://signer.example/keys/receipts``). A key id is the first 16 hex digits of the
SHA-256 of the raw public key: 32 bytes of Ed25519, or the uncompressed point on P-256. Which key signs, and its
public half, come from here and never from the answer. Each request carries a bearer token; nothing is followed,
retried or cached, no proxy of the environment is used, and an answer may be ``LARGEST_ANSWER`` bytes.
``examples/remote_signer`` is such a signer.
"""

from __future__ import annotations

import ipaddress
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx

from core.errors import GreenroomError
from core.secrets import given
from core.settings import get_settings

CONNECT_SECONDS = 3.0
ANSWER_SECONDS = 5.0
"""For each wait, and for the whole answer. A signature may be made inside an open transaction, which then waits."""
LARGEST_ANSWER = 16_384


class RemoteSignerProblem(GreenroomError):
    """The remote signer refused, or its answer cannot be used; nothing was signed."""

    code = "remote_signer"


class RemoteSignerDown(RemoteSignerProblem):
    """The remote signer did not answer; nothing was signed, and the same again may succeed."""

    code = "remote_signer_down"
    http_status = 503
    retryable = True


def is_address(value: str) -> bool:
    """Whether a setting names a remote signer rather than a file or folder."""
    return "://" in value


def address_fault(value: str) -> str:
    """Why this is no address of a remote signer, in words; empty where it is one."""
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return "it is no URL"
    if parts.username or parts.password or parts.query or parts.fragment:
        return "it holds more than host and path: the token belongs into GREENROOM_SIGNER_TOKEN_FILE"
    if parts.scheme == "https" and host:
        return ""
    if parts.scheme == "http" and _is_loopback(host):
        return ""
    return "it is neither https:// nor http:// on this machine"


class RemoteSigner:
    """One key ring at a remote signer.

    Args:
        address: https://, or http:// on loopback.
        setting: the setting's name, for messages.

    Raises:
        RemoteSignerProblem: the address is none.
    """

    def __init__(self, address: str, setting: str) -> None:
        fault = address_fault(address)
        if fault:
            step = "give https://host/path, or http:// on this machine"
            raise RemoteSignerProblem(
                f"this is no address of a remote signer: {fault}", where=setting, next_step=step
            )
        self._address, self._setting = address.rstrip("/"), setting

    def sign(self, key_id: str, data: bytes, *, checked: Callable[[bytes], bool]) -> bytes:
        """The signature over ``data`` under that key.

        Args:
            checked: whether a signature is one, under the public half that is trusted here.

        Raises:
            RemoteSignerDown: no answer in time. RemoteSignerProblem: refused, or ``checked`` says no.
        """
        answer = self._post(f"{self._address}/{key_id}/sign", data)
        try:
            signature = bytes.fromhex(answer["signature"])
        except (KeyError, TypeError, ValueError) as error:
            raise self._unusable("it holds no signature") from error
        if not checked(signature):
            raise self._unusable(f"its signature is not of the key {key_id}, as it is known here")
        return signature

    def make_key(self) -> str:
        """Have the signer make a key that does not sign yet; its public half as PEM.

        Raises:
            RemoteSignerDown, RemoteSignerProblem: as for :meth:`sign`; a signer may leave this to its keeper.
        """
        public = self._post(self._address, b"").get("public")
        if not isinstance(public, str):
            raise self._unusable("it holds no public key")
        return public

    def _post(self, url: str, data: bytes) -> dict[str, Any]:
        headers = {"content-type": "application/octet-stream"}
        token = _token()
        if token:
            headers["authorization"] = f"Bearer {token}"
        try:
            with (
                httpx.Client(
                    timeout=httpx.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS), trust_env=False
                ) as client,
                client.stream("POST", url, content=data, headers=headers) as reply,
            ):
                body, end = b"", time.monotonic() + ANSWER_SECONDS
                for part in reply.iter_bytes():
                    body += part
                    if len(body) > LARGEST_ANSWER:
                        raise self._unusable("it is too long")
                    if time.monotonic() > end:
                        raise self._down("too slowly")
        except httpx.HTTPError as error:
            raise self._down(type(error).__name__) from error
        if reply.status_code >= 500 or reply.status_code == 429:
            raise self._down(f"status {reply.status_code}")
        if reply.status_code != 200:
            raise RemoteSignerProblem(
                f"the remote signer refused ({reply.status_code})",
                where=self._setting,
                next_step="its log says why: the token, the key, or what was to be signed is not one that it knows",
            )
        try:
            answer = json.loads(body)
        except ValueError as error:
            raise self._unusable("it is no JSON") from error
        if not isinstance(answer, dict):
            raise self._unusable("it is no JSON object")
        return answer

    def _down(self, why: str) -> RemoteSignerDown:
        step = "nothing was signed; try again when the signer answers"
        return RemoteSignerDown(
            f"the remote signer did not answer ({why})", where=self._setting, next_step=step
        )

    def _unusable(self, why: str) -> RemoteSignerProblem:
        return RemoteSignerProblem(
            f"the remote signer's answer cannot be used: {why}",
            where=self._setting,
            next_step="compare the signer's keys with the public halves on this machine; nothing was signed",
        )


def _token() -> str:
    settings = get_settings()
    value = given(settings.signer_token, settings.signer_token_file, "GREENROOM_SIGNER_TOKEN")
    try:
        return value.decode("ascii").strip()
    except UnicodeDecodeError as error:
        raise RemoteSignerProblem("the token is not plain ASCII", where="GREENROOM_SIGNER_TOKEN") from error


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
