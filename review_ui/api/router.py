"""Every resource of version 1, in the order in which they are described."""

from __future__ import annotations

from review_ui.api import (
    authorities,
    brand,
    campaigns,
    checks,
    course,
    events,
    holds,
    imports,
    jobs,
    links,
    lists,
    proposals,
    references,
    renders,
    sending,
    suppressions,
    webhooks,
)

RESOURCES = tuple(
    resource.router
    for resource in (
        checks,
        jobs,
        campaigns,
        course,
        lists,
        imports,
        renders,
        sending,
        suppressions,
        links,
        brand,
        webhooks,
        events,
        references,
        proposals,
        authorities,
        holds,
    )
)
