"""Script -> voice -> lips -> picture: makes a candidate video."""

import core  # noqa: F401 - first of all the limits on threads (core/threads.py)
