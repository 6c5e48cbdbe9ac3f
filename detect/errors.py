"""What can go wrong while measuring; a gate that cannot measure abstains and says why."""

from __future__ import annotations


class Abstain(Exception):
    """Raised by a gate that cannot measure this subject: the text is the reason, in words for a reviewer."""
