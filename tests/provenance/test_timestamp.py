"""The development timestamp authority speaks RFC 3161 as an independent client reads it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from rfc3161_client import (
    PKIStatus,
    TimestampRequestBuilder,
    VerificationError,
    VerifierBuilder,
    decode_timestamp_response,
)

from core.errors import DevelopmentPart
from core.settings import get_settings
from provenance.errors import PkiError
from provenance.timestamp import TimestampAuthority, timestamp_url
from tests.provenance.conftest import Studio


def test_an_independent_client_verifies_the_answer(studio: Studio) -> None:
    request = TimestampRequestBuilder().data(b"a claim").build()
    reply = httpx.post(studio.signer.timestamp_url, content=request.as_bytes(), trust_env=False)
    assert reply.headers["content-type"] == "application/timestamp-reply"
    response = decode_timestamp_response(reply.content)
    leaf, intermediate = x509.load_pem_x509_certificates(studio.pki.tsa_chain.read_bytes())
    verifier = (
        VerifierBuilder()
        .add_root_certificate(x509.load_pem_x509_certificate(studio.pki.anchors.read_bytes()))
        .add_intermediate_certificate(intermediate)
        .tsa_certificate(leaf)
        .build()
    )
    assert verifier.verify_message(response, b"a claim")
    assert abs(response.tst_info.gen_time - datetime.now(UTC)) < timedelta(seconds=10)
    assert response.tst_info.nonce == request.nonce
    with pytest.raises(VerificationError):
        verifier.verify_message(response, b"another claim")


@pytest.mark.parametrize("request_bytes", [b"", b"no DER at all", b"\x30\x03\x02\x01\x01"])
def test_a_malformed_request_is_rejected_in_the_protocols_own_words(
    studio: Studio, request_bytes: bytes
) -> None:
    answer = decode_timestamp_response(TimestampAuthority.of(studio.pki).answer(request_bytes))
    assert answer.status == PKIStatus.REJECTION


def test_a_long_request_is_refused_unread(studio: Studio) -> None:
    reply = httpx.post(studio.signer.timestamp_url, content=b"x" * 10_000, trust_env=False)
    assert reply.status_code == 413


def test_the_settings_choose_and_the_development_clock_is_loud(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.warns(DevelopmentPart, match="DEVELOPMENT authority on loopback"):
        assert timestamp_url().startswith("http://127.0.0.1:")
    monkeypatch.setenv("GREENROOM_TIMESTAMP_URL", "https://time.example/")
    get_settings.cache_clear()
    assert timestamp_url() == "https://time.example/"


def test_production_needs_a_real_clock(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GREENROOM_ENVIRONMENT", "production")
    get_settings.cache_clear()
    with pytest.raises(PkiError):
        timestamp_url()
