"""The command line."""

import core  # noqa: F401 - first of all the limits on threads (core/threads.py)
