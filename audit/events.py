"""The vocabulary of the ledger: every event there is, as ``subject:object:verb``.

One enum. An event that is no longer written stays listed: old entries must remain readable.
"""

from __future__ import annotations

from enum import StrEnum


class Event(StrEnum):
    """What the ledger can say. The value is what is written; never rename one."""

    # authorities (trust step 1)
    CONSENT_CREATED = "authority:consent:created"
    PROVENANCE_CREATED = "authority:provenance:created"
    AUTHORITY_SUPERSEDED = "authority:version:superseded"
    AUTHORITY_STATUS_CHANGED = "authority:status:changed"
    AUTHORITY_RENDER_COUNTED = "authority:render:counted"
    AUTHORITY_PROPOSED = "authority:proposal:made"
    PROPOSAL_DECIDED = "authority:proposal:decided"
    DOCUMENT_KEPT = "authority:document:kept"
    DOCUMENT_OPENED = "authority:document:opened"
    DOCUMENT_DELETED = "authority:document:deleted"

    # customers and what they set up
    ORGANISATION_NAMED = "organisation:record:named"
    BRAND_CREATED = "brand:record:created"
    BRAND_CHANGED = "brand:record:changed"
    PERSONA_CREATED = "persona:record:created"
    REFERENCE_RECEIVED = "persona:reference:received"
    REFERENCE_EXAMINED = "persona:reference:examined"
    REFERENCE_DELETED = "persona:reference:deleted"
    REFERENCE_ENROLLED = "persona:reference:enrolled"
    CAMPAIGN_CREATED = "campaign:record:created"
    CAMPAIGN_CHANGED = "campaign:record:changed"
    CAMPAIGN_STARTED = "campaign:list:started"
    CAMPAIGN_PAUSED = "campaign:course:paused"
    CAMPAIGN_RESUMED = "campaign:course:resumed"
    CAMPAIGN_CANCELLED = "campaign:course:cancelled"
    SCRIPT_DECIDED = "campaign:script:decided"
    CAMPAIGN_TAGGED = "campaign:tags:set"
    PACK_PUBLISHED = "policy:pack:published"
    GATE_SET_PUBLISHED = "gate:set:published"

    # the life of a render (trust steps 2 to 13)
    RENDER_CREATED = "render:record:created"
    VIDEO_IMPORTED = "render:video:imported"
    SCRIPT_COMPOSED = "render:script:composed"
    POLICY_CHECKED = "render:policy:checked"
    SPEECH_MADE = "render:speech:made"
    MARK_ALLOCATED = "render:mark:allocated"
    CANDIDATE_ENCODED = "render:candidate:encoded"
    RECEIPT_ISSUED = "render:receipt:issued"
    RENDER_EXAMINED = "render:gates:decided"
    ASSET_SEALED = "render:asset:sealed"
    ASSET_VERIFIED = "render:asset:verified"
    REVIEW_OPENED = "render:review:opened"
    PROXY_MADE = "render:proxy:made"
    NOTE_WRITTEN = "render:note:written"
    APPROVAL_RECORDED = "render:approval:recorded"
    PERSONA_DECIDED = "render:persona:decided"
    REVIEW_ESCALATED = "render:review:escalated"
    RENDER_APPROVED = "render:review:approved"
    RENDER_REJECTED = "render:review:rejected"
    ASSET_RELEASED = "render:asset:released"
    ASSET_RECALLED = "render:asset:recalled"
    RENDER_BLOCKED = "render:state:blocked"
    RENDER_FAILED = "render:state:failed"
    RENDER_RETRIED = "render:state:retried"
    STATE_CHANGED = "render:state:changed"
    RELEASE_ASKED = "render:release:asked"
    RELEASE_REFUSED = "render:release:refused"
    ASSET_WITHDRAWN = "render:asset:withdrawn"
    ASSET_VIEWED = "render:asset:viewed"

    # delivery
    LINK_MADE = "delivery:link:made"
    LINK_REVOKED = "delivery:link:revoked"
    LINKS_EXPORTED = "delivery:links:exported"
    SUPPRESSION_ADDED = "delivery:suppression:added"
    SUPPRESSION_REMOVED = "delivery:suppression:removed"
    WEBHOOK_ADDED = "delivery:webhook:added"
    WEBHOOK_CHANGED = "delivery:webhook:changed"
    ASSET_DELIVERED = "delivery:asset:delivered"
    REPORT_OPENED = "delivery:report:opened"
    REPORT_CLOSED = "delivery:report:closed"

    # people, keys, custody
    USER_CREATED = "user:account:created"
    USER_CHANGED = "user:account:changed"
    INVITATION_MADE = "user:invitation:made"
    INVITATION_ENDED = "user:invitation:ended"
    API_KEY_MADE = "user:key:made"
    API_KEY_ENDED = "user:key:ended"
    KEY_CREATED = "key:signing:created"
    KEY_ROTATED = "key:signing:rotated"
    EVIDENCE_EXPORTED = "evidence:pack:exported"
    HOLD_PLACED = "custody:hold:placed"
    HOLD_LIFTED = "custody:hold:lifted"
    RECORD_VIEWED = "custody:record:viewed"
    RECORD_EXPORTED = "custody:record:exported"
    SUBJECT_ERASED = "custody:subject:erased"

    # the ledger about itself
    ROWS_ADOPTED = "ledger:rows:adopted"
    LEDGER_RESTORED = "ledger:record:restored"
    RESTORE_ACKNOWLEDGED = "ledger:restore:acknowledged"


RESERVED: dict[Event, str] = {
    Event.CAMPAIGN_CHANGED: "a campaign is never edited: another one is made",
    Event.PACK_PUBLISHED: "rule packs ship with the code; the checked entry names pack and version",
    Event.GATE_SET_PUBLISHED: "gate sets ship with the code; receipts and entries name the set's hash",
    Event.SCRIPT_COMPOSED: "said by render:policy:checked, which commits to the composed script",
    Event.STATE_CHANGED: "each change of state has an event of its own; old entries may hold this one",
    Event.ASSET_VIEWED: "what a player reports of a video in review is part of the signed decision; links count nobody",
    Event.ASSET_DELIVERED: "channels of others report deliveries; links are opened by whoever has them",
    Event.EVIDENCE_EXPORTED: "evidence packs are not built yet",
    Event.SUBJECT_ERASED: "erasure is not built yet",
}
"""Events that nothing writes, and why. Every other one is written somewhere; a test looks."""
