"""Errors of rule packs and text checks."""

from __future__ import annotations

from core.errors import InputError


class PackError(InputError):
    """A rule pack cannot be loaded: broken YAML, an unknown field, an example that fails, a slow pattern."""

    code = "rule_pack"


class TextTooLong(InputError):
    """The text is longer than any script may be; nothing was checked."""

    code = "text_too_long"
