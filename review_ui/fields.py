"""Forms whose fields are a campaign's: they are read here, and checked by the campaign's schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import Request

from review_ui.security import Visitor, check_token


async def sent_fields(request: Request, visitor: Visitor) -> dict[str, str]:
    """What a form of such fields sends, its token aside. Raises Forbidden unless it was served to this sign-in."""
    form = await request.form(max_files=0, max_fields=60)
    sent = {name: str(value) for name, value in form.items()}
    check_token(visitor, sent.pop("csrf", ""))
    return sent


def typed(schema: Mapping[str, Any], sent: Mapping[str, str]) -> dict[str, Any]:
    """Numbers as numbers: a form sends text. What is no number stays text, and the schema says so.

    A field that may be left out and was left empty is left out.
    """
    properties, required = (
        schema.get("properties", {}),
        schema.get("required", list(schema.get("properties", {}))),
    )
    found: dict[str, Any] = {}
    for name, value in sent.items():
        field = properties.get(name, {})
        if not value and name in properties and name not in required:
            continue
        found[name] = value
        if field.get("type") in ("number", "integer"):
            try:
                found[name] = int(value) if field["type"] == "integer" else float(value)
            except ValueError:
                continue
    return found
