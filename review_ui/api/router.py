"""Every resource of version 1 under one address."""

from __future__ import annotations

from fastapi import APIRouter

from review_ui.api import campaigns, checks, events, jobs, links, renders

router = APIRouter(prefix="/api/v1")
for _resource in (checks, jobs, campaigns, renders, links, events):
    router.include_router(_resource.router)
