"""What can go wrong with marks, credentials and their verification."""

from __future__ import annotations

from core.errors import GreenroomError, IntegrityError


class ProvenanceError(GreenroomError):
    """A credential or a mark cannot be made."""

    code = "provenance"


class PkiError(ProvenanceError):
    """Certificates or keys are missing, expired, or not allowed in this environment."""

    code = "pki"


class SigningError(ProvenanceError):
    """The signer refused or failed; nothing was written."""

    code = "signing"


class SignerFailed(SigningError):
    """Whoever holds the key did not sign; nothing was written, and the stage can be tried again."""

    http_status = 503
    retryable = True


class TimestampUnavailable(ProvenanceError):
    """The timestamp authority did not answer. The asset stays unsigned and the stage can be tried again."""

    code = "timestamp_unavailable"
    http_status = 503
    retryable = True


class PublishMismatch(IntegrityError):
    """The published file would not carry the sealed media bytes. It was deleted."""

    code = "publish_mismatch"
