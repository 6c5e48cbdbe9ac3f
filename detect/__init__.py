"""Measures a candidate: artifact, lip sync, identity, transcript, picture content, technical."""

import core  # noqa: F401 - first of all the limits on threads (core/threads.py)
