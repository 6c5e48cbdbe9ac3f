"""The only door out: release, recall, and the links that serve released assets."""

import core  # noqa: F401 - first of all the limits on threads (core/threads.py)
