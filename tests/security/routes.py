"""The routes of the application as it is, and paths for them that lead to nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from fastapi.routing import APIRoute

from greenroom.web import make_app


def every_route() -> list[tuple[str, str]]:
    """(method, path) of every route that the application answers, HEAD and OPTIONS aside."""
    return [(method, route.path) for route in api_routes() for method in sorted(route.methods)]


def api_routes() -> Iterator[APIRoute]:
    """The routes themselves."""
    for found in _within(make_app().routes):
        if isinstance(found, APIRoute):
            yield found


def filled(path: str, ids: dict[str, str] | None = None) -> str:
    """The path with these ids in it; an id that nothing has where there is none."""
    return re.sub(r"\{(\w+)(:\w+)?\}", lambda found: (ids or {}).get(found[1], f"{found[1][:3]}_1"), path)


def _within(routes: Any) -> Iterator[Any]:
    for route in routes:
        inner = getattr(getattr(route, "original_router", None), "routes", None)
        if inner is None:
            yield route
        else:
            yield from _within(inner)
