"""Sabotages of how people come in, who then decide: the first account, invitations, brands."""

from __future__ import annotations

from tests.sabotage.words import off

BEGINNING = "review_ui/beginning.py"
INVITATIONS = "review_ui/invitations.py"

ENTERING = (
    off("11", "the first account needs the code of now", BEGINNING,
        "if code is not None and not hmac.compare_digest(known(session, FIRST_CODE) or \"\", _stored(code)):",
        "if False:", "beginning:the_code_is_asked_for_where_the_account_is_made"),
    off("11", "the page of the first account needs the code", BEGINNING,
        "right = nobody_yet(session) and hmac.compare_digest(known(session, FIRST_CODE) or \"\", _stored(code))",
        "right = nobody_yet(session)", "beginning:nobody_begins_without_it"),
    off("11", "the first account is the first", BEGINNING,
        "        if not nobody_yet(session):\n            raise", "        if False:\n            raise",
        "beginning:where_there_is_an_account_nobody_begins"),
    off("11", "an invitation is as it was written here", INVITATIONS,
        "if not intact(row):", "if False:", "invitations:one_that_is_over_opens_nothing"),
    off("11", "an invitation is used once", INVITATIONS,
        "if row.used_at is not None:", "if False:", "invitations:an_invitation_makes_one_account_with_its_role"),
    off("11", "an invitation ends with whoever made it", INVITATIONS,
        ' or not _inviter_stands(session, row):', ":", "invitations:one_that_is_over_opens_nothing"),
    off("11", "nobody invites to another's brand", INVITATIONS,
        "if brand_id not in allowed:", "if False:", "invitations:nobody_invites_to_a_brand_that_is_not_theirs"),
    off("11", "a membership is as it was written here", "review_ui/memberships.py",
        "row.brand_id for row in rows if intact(row) and row.left_at is None",
        "row.brand_id for row in rows if row.left_at is None",
        "invitations:a_membership_written_by_hand_opens_no_brand"),
    off("11", "a brand that was left is left", "review_ui/memberships.py",
        "row.brand_id for row in rows if intact(row) and row.left_at is None",
        "row.brand_id for row in rows if intact(row)",
        "invitations:who_leaves_a_brand_works_at_another"),
    off("11", "an account brings no other role along", INVITATIONS,
        "if account.role != row.role:", "if False:", "invitations:an_account_of_another_role_takes_no_invitation"),
)  # fmt: skip
