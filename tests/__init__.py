"""The tests mirror the tree."""

import core  # noqa: F401 - first of all the limits on threads (core/threads.py)
