"""Logging set up as a process does it, for the length of a block."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from core import logs


@contextmanager
def logs_kept() -> Iterator[None]:
    """After the block the root logger is as before: its level, and none of our handlers beside what was there."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        yield
    finally:
        for handler in list(root.handlers):
            if handler not in handlers and isinstance(handler, logs._Handler):
                root.removeHandler(handler)
        root.setLevel(level)
