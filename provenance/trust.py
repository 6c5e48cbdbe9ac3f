"""Settings of the C2PA library that both sides must give it explicitly: its defaults are not safe.

Data only; signer and verifier each make their own context from it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.settings import Settings, get_settings
from provenance.models import SOFT_BINDING, Anchors
from provenance.pki import export_anchors

# Without the full list the library accepts emailProtection leaves only and reads the others as Invalid.
EXTENDED_KEY_USAGES = (
    "1.3.6.1.4.1.62558.2.1",  # C2PA claim signing
    "1.3.6.1.5.5.7.3.36",  # document signing (RFC 9336)
    "1.3.6.1.5.5.7.3.4",  # e-mail protection
    "1.3.6.1.5.5.7.3.8",  # time stamping
    "1.3.6.1.5.5.7.3.9",  # OCSP signing
    "1.3.6.1.4.1.311.76.59.1.9",  # Microsoft's C2PA signing
)


def library_settings(anchors: str) -> dict[str, Any]:
    """For a fresh context: explicit anchors, every key usage, no network, nothing added by itself."""
    off = {"enabled": False}
    trust = {"trust_config": "\n".join(EXTENDED_KEY_USAGES)}
    if anchors.strip():  # an empty list is refused; without one nobody is trusted
        trust["trust_anchors"] = anchors
    return {
        "version": 1,
        "trust": trust,
        "verify": {
            "verify_trust": True,
            "verify_timestamp_trust": True,
            "remote_manifest_fetch": False,  # a manifest's URL would be fetched: SSRF
            "ocsp_fetch": False,
            # Not a gate (it accepts what a reader then refuses); an independent reader is trust step 10.
            "verify_after_sign": False,
        },
        "core": {"allowed_network_hosts": []},
        "soft_binding": {"soft_binding_algorithms": [SOFT_BINDING]},
        "builder": {
            "thumbnail": off,
            "actions": {
                "auto_created_action": off,
                "auto_opened_action": off,
                "auto_placed_action": off,
            },
            # Else bytes could hide in `free` and `skip` boxes without breaking the hash.
            "bmff_hash_exclude_free_and_skip_boxes": False,
        },
    }


def anchors_of(settings: Settings | None = None) -> Anchors:
    """Our own root and, from ``GREENROOM_TRUST_ANCHORS``, other people's."""
    settings = settings or get_settings()
    others = Path(settings.trust_anchors).read_text(encoding="utf-8") if settings.trust_anchors else ""
    return Anchors(own=export_anchors(settings), others=others)
