"""Every resource of version 1, in the order in which they are described."""

from __future__ import annotations

from review_ui.api import campaigns, checks, events, jobs, links, renders, sending, webhooks

RESOURCES = tuple(
    resource.router for resource in (checks, jobs, campaigns, renders, sending, links, webhooks, events)
)
