"""The ledger's events in words, for people: one sentence each, made of what the entry states.

Who did it is said beside it (:func:`actor_of`), by the name that the reader knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audit.events import Event

WORDS: dict[Event, str] = {
    Event.CONSENT_CREATED: "version {version} of a consent was recorded",
    Event.PROVENANCE_CREATED: "version {version} of a provenance statement was recorded",
    Event.AUTHORITY_SUPERSEDED: "a newer version took its place",
    Event.AUTHORITY_STATUS_CHANGED: "the authority was {status}; for videos that are out: {effect}",
    Event.AUTHORITY_RENDER_COUNTED: "a video was counted against the allowance, number {ordinal}",
    Event.AUTHORITY_PROPOSED: "an authority was stated, and waits for legal: {kind}",
    Event.PROPOSAL_DECIDED: "legal decided over a stated authority: {verdict}",
    Event.DOCUMENT_KEPT: "a signed document was kept",
    Event.DOCUMENT_OPENED: "a signed document was opened",
    Event.DOCUMENT_DELETED: "a signed document was deleted: {reason_code}",
    Event.ORGANISATION_NAMED: "the organisation was named",
    Event.BRAND_CREATED: "the brand was made",
    Event.BRAND_CHANGED: "the brand's {kind} changed",
    Event.PERSONA_CREATED: "the person was added",
    Event.REFERENCE_ENROLLED: "the reference clip was enrolled",
    Event.REFERENCE_RECEIVED: "a reference clip came in",
    Event.REFERENCE_EXAMINED: "the reference clip was examined: {verdict}",
    Event.REFERENCE_DELETED: "the reference clip was deleted",
    Event.CAMPAIGN_CREATED: "the campaign was made, for {territory} by {channel}",
    Event.CAMPAIGN_CHANGED: "the campaign changed",
    Event.CAMPAIGN_STARTED: "a list of recipients was started, for {renders} videos",
    Event.CAMPAIGN_PAUSED: "the campaign was paused",
    Event.CAMPAIGN_RESUMED: "the campaign went on",
    Event.CAMPAIGN_CANCELLED: "the campaign was cancelled",
    Event.SCRIPT_DECIDED: "the person who appears decided over the script: {verdict}",
    Event.CAMPAIGN_TAGGED: "the tags of its links were set",
    Event.PACK_PUBLISHED: "a rule pack was published",
    Event.GATE_SET_PUBLISHED: "a gate set was published",
    Event.RENDER_CREATED: "the video was asked for",
    Event.VIDEO_IMPORTED: "a finished video was brought in",
    Event.SCRIPT_COMPOSED: "the script was composed",
    Event.POLICY_CHECKED: "the script was composed and passed the rules",
    Event.SPEECH_MADE: "the voice spoke it",
    Event.MARK_ALLOCATED: "an invisible mark was set aside for it",
    Event.CANDIDATE_ENCODED: "the picture was made, marked and encoded",
    Event.RECEIPT_ISSUED: "a gate gave its receipt",
    Event.RENDER_EXAMINED: "the gates examined it: {verdict}",
    Event.ASSET_SEALED: "its credential was signed",
    Event.ASSET_VERIFIED: "an independent reader verified it",
    Event.REVIEW_OPENED: "it came into review",
    Event.APPROVAL_RECORDED: "a reviewer decided: {verdict} ({manner})",
    Event.PROXY_MADE: "a proxy was made, for browsers that cannot play it",
    Event.NOTE_WRITTEN: "a reviewer wrote a note",
    Event.PERSONA_DECIDED: "the person who appears decided: {verdict}",
    Event.REVIEW_ESCALATED: "a reviewer handed it on",
    Event.RENDER_APPROVED: "it was approved",
    Event.RENDER_REJECTED: "it was rejected",
    Event.ASSET_RELEASED: "it was released",
    Event.ASSET_RECALLED: "it was recalled",
    Event.RENDER_BLOCKED: "it was blocked: {reason_code}",
    Event.RENDER_FAILED: "it failed: {reason_code}",
    Event.RENDER_RETRIED: "it was sent on again",
    Event.STATE_CHANGED: "its state changed to {state}",
    Event.RELEASE_ASKED: "its release was asked for",
    Event.RELEASE_REFUSED: "its release was refused: {reason_code}",
    Event.ASSET_WITHDRAWN: "it was withdrawn with the person's authority",
    Event.ASSET_VIEWED: "it was watched in review",
    Event.LINK_MADE: "a link to it was made",
    Event.LINK_REVOKED: "a link to it was taken back",
    Event.ASSET_DELIVERED: "it was delivered",
    Event.LINKS_EXPORTED: "its links were exported",
    Event.SUPPRESSION_ADDED: "recipients were put on the suppression list",
    Event.SUPPRESSION_REMOVED: "recipients were taken off the suppression list",
    Event.WEBHOOK_ADDED: "a webhook was added",
    Event.WEBHOOK_CHANGED: "a webhook changed: {kind}",
    Event.REPORT_OPENED: "somebody reported it: {kind}",
    Event.REPORT_CLOSED: "a report about it was closed: {outcome}",
    Event.USER_CREATED: "an account was made: {role}",
    Event.USER_CHANGED: "an account changed: {kind}",
    Event.INVITATION_MADE: "somebody was invited: {role}",
    Event.INVITATION_ENDED: "an invitation ended: {kind}",
    Event.API_KEY_MADE: "an API key was made",
    Event.API_KEY_ENDED: "an API key ended: {kind}",
    Event.KEY_CREATED: "a signing key was made: {kind}",
    Event.KEY_ROTATED: "a signing key was replaced: {kind}",
    Event.EVIDENCE_EXPORTED: "an evidence pack was exported",
    Event.HOLD_PLACED: "a legal hold was placed",
    Event.HOLD_LIFTED: "a legal hold was lifted",
    Event.RECORD_VIEWED: "somebody looked at {kind}",
    Event.RECORD_EXPORTED: "somebody took out {kind}",
    Event.SUBJECT_ERASED: "a person's data was erased",
    Event.ROWS_ADOPTED: "rows of an earlier version were taken into the record",
    Event.LEDGER_RESTORED: "the installation was restored from a backup",
    Event.RESTORE_ACKNOWLEDGED: "a restore was acknowledged",
}

LOOKED_AT: dict[str, str] = {
    "search_people": "the search over people",
    "search_consents": "the search over consents",
    "search_renders": "the search over videos",
    "search_decisions": "the search over decisions",
    "search_releases": "the search over releases",
    "search_recalls": "the search over recalls",
    "timeline_person": "the person's timeline",
    "timeline_campaign": "the campaign's timeline",
    "timeline_render": "the video's timeline",
    "authority": "what a consent or a statement says",
    "entry": "an entry of the ledger",
    "proof": "the proof of an entry",
    "holds": "the holds",
    "hold_reach": "what a hold would reach",
    "register_csv": "the register as CSV",
    "register_json": "the register as JSON",
}
"""What is looked at and taken out, by the code that an entry states (audit/looked.py)."""

_LOOKS = {Event.RECORD_VIEWED.value, Event.RECORD_EXPORTED.value}

_WHO = ("actor", "reviewer_id", "maker_id")


def said(event: str, facts: Mapping[str, Any]) -> str:
    """One sentence, without a full stop. An event that this version does not know is named as it is written."""
    if event in _LOOKS and (at := LOOKED_AT.get(str(facts.get("kind")))):
        facts = {**facts, "kind": at}
    words = {name.value: sentence for name, sentence in WORDS.items()}.get(event)
    return event if words is None else words.format_map(_Stated(facts))


def actor_of(facts: Mapping[str, Any]) -> str:
    """The id of who did it; "" where the entry names nobody."""
    return str(next((facts[name] for name in _WHO if facts.get(name)), ""))


class _Stated(dict[str, Any]):
    """The facts as words: codes lose their underscores, and what an entry does not state is said so."""

    def __getitem__(self, name: str) -> str:
        return str(super().__getitem__(name)).replace("_", " ")

    def __missing__(self, name: str) -> str:
        return "not stated"
