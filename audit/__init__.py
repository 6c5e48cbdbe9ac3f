"""The record: the ledger, authorities, signed receipts and approvals."""

import core  # noqa: F401 - first of all the limits on threads (core/threads.py)
