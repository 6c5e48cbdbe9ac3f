"""The life of a render: campaigns, stages, leases, Celery, the outbox relay."""

import core  # noqa: F401 - first of all the limits on threads (core/threads.py)
