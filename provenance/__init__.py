"""The invisible mark, content credentials (C2PA), the fingerprint, and independent verification."""

import core  # noqa: F401 - first of all the limits on threads (core/threads.py)
