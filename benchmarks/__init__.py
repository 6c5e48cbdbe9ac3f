"""Benchmarks: one name, one module, one JSON document (docs/architecture.md)."""

import core  # noqa: F401 - first of all the limits on threads (core/threads.py)
