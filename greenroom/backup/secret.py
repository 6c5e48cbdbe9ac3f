"""Tells the right master secret from another one, or from none, without making one."""

from __future__ import annotations

import hashlib

from core.secrets import configured_secret, derived_key, made_secret_file
from core.settings import get_settings


def secret_check() -> str:
    """A digest under the master secret, hex; "" where this installation has none yet."""
    settings = get_settings()
    if not configured_secret(settings) and not made_secret_file(settings).exists():
        return ""
    return hashlib.sha256(derived_key("backup-check")).hexdigest()
