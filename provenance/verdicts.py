"""The verdicts of a verification, in the order in which the first that holds is given, and what each tells people."""

from __future__ import annotations

from provenance.models import VerifyVerdict

ORDER: tuple[VerifyVerdict, ...] = (
    "unreadable",
    "withdrawn",
    "recalled",
    "credential_mark_disagree",
    "tampered",
    "unreleased",
    "intact",
    "reencoded_copy",
    "foreign_c2pa",
    "nothing_found",
)

SENTENCES: dict[VerifyVerdict, str] = {
    "unreadable": "This file cannot be read, so nothing can be said about it.",
    "withdrawn": "This video was made here and has been withdrawn by the person who appears in it. Do not rely on it.",
    "recalled": "This video was made here and has been recalled by its publisher. Do not rely on it.",
    "credential_mark_disagree": "The credential in this file and the mark in its picture name different videos. "
    "Do not rely on it.",
    "tampered": "This file was changed after it was signed, or a part of it comes from one of our videos and the "
    "rest does not. Do not rely on it.",
    "unreleased": "This video was made here and has not been released to the public.",
    "intact": "This video is exactly as its publisher released it.",
    "reencoded_copy": "This is a copy of a released video. It was re-encoded on its way, and its picture and "
    "sound agree with the original.",
    "foreign_c2pa": "This file carries a content credential of someone else. We did not make it and cannot "
    "vouch for it.",
    "nothing_found": "No credential and no mark of ours were found. That says nothing about whether it is genuine.",
}

NEXT: dict[VerifyVerdict, str] = {
    "unreadable": "Ask for the file again: it may have been cut off on its way.",
    "withdrawn": "Do not share it. Delete your copy.",
    "recalled": "Do not share it. Ask its publisher what replaces it.",
    "credential_mark_disagree": "Do not share it. Ask whoever sent it where it came from.",
    "tampered": "Do not share it. Ask its publisher for the original.",
    "unreleased": "Do not share it. Ask whoever sent it why they have it.",
    "intact": "It is AI-generated, and you may take it for its publisher's own.",
    "reencoded_copy": "It is AI-generated, and says what its publisher's own says.",
    "foreign_c2pa": "Check its credential with whoever issued it.",
    "nothing_found": "Ask where it came from before you rely on it.",
}
"""What a person who has the file does now."""

INTACT_OFFLINE = (
    "This video is exactly as it was signed. Whether it is still released could not be asked: there is no "
    "connection to the registry."
)


def first_that_holds(holding: set[VerifyVerdict]) -> VerifyVerdict:
    """The first verdict of the order that holds; ``nothing_found`` always does."""
    return next(verdict for verdict in ORDER if verdict in holding | {"nothing_found"})
