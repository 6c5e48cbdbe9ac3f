"""What a command asks a person for."""

from __future__ import annotations

import getpass
import os

from core.errors import InputError


def password(words: str) -> str:
    """A password: ``GREENROOM_PASSWORD``, or what somebody types. Raises InputError where nobody can."""
    try:
        return os.environ.get("GREENROOM_PASSWORD") or getpass.getpass(words)
    except EOFError as error:
        raise InputError(
            "a password is needed, and nobody is there to type it",
            where="GREENROOM_PASSWORD",
            next_step="set it for this one command, or run the command in a terminal",
            code="usage",
        ) from error
