"""What a page does, a program does too: each form beside its operation, or the reason why it is a person's alone."""

from __future__ import annotations

from tests.security.table import PUBLIC, ROUTES

V1 = "/api/v1"

BY_API: dict[str, str] = {
    "/verify": "/verify",
    "/campaigns": "/campaigns",
    "/campaigns/look": "/campaigns/look",
    "/campaigns/{campaign_id}/renders": "/campaigns/{campaign_id}/renders",
    "/campaigns/{campaign_id}/pause": "/campaigns/{campaign_id}/pause",
    "/campaigns/{campaign_id}/resume": "/campaigns/{campaign_id}/resume",
    "/campaigns/{campaign_id}/cancel": "/campaigns/{campaign_id}/cancel",
    "/campaigns/{campaign_id}/lists": "/campaigns/{campaign_id}/lists",
    "/campaigns/{campaign_id}/lists/{list_id}/start": "/campaigns/{campaign_id}/lists/{list_id}/start",
    "/campaigns/{campaign_id}/lists/{list_id}/discard": "/campaigns/{campaign_id}/lists/{list_id}/discard",
    "/campaigns/{campaign_id}/retry": "/campaigns/{campaign_id}/retry",
    "/campaigns/{campaign_id}/tags": "/campaigns/{campaign_id}/tags",
    "/campaigns/{campaign_id}/links.csv": "/campaigns/{campaign_id}/links",
    "/imports": "/imports",
    "/renders/{render_id}/retry": "/renders/{render_id}/retry",
    "/renders/{render_id}/again": "/renders/{render_id}/again",
    "/renders/{render_id}/release": "/renders/{render_id}/release",
    "/renders/{render_id}/recall": "/renders/{render_id}/recall",
    "/renders/{render_id}/links": "/renders/{render_id}/links",
    "/renders/{render_id}/links/{link_id}/revoke": "/renders/{render_id}/links/{link_id}/revoke",
    "/suppressions": "/suppressions",
    "/suppressions/remove": "/suppressions/remove",
    "/suppressions/look": "/suppressions/look",
    "/suppressions/import": "/suppressions/import",
    "/webhooks": "/webhooks",
    "/webhooks/{webhook_id}/rotate": "/webhooks/{webhook_id}/rotate",
    "/webhooks/{webhook_id}/test": "/webhooks/{webhook_id}/test",
    "/webhooks/{webhook_id}/end": "/webhooks/{webhook_id}/end",
    "/webhooks/messages/{message_id}/again": "/webhooks/messages/{message_id}/again",
    "/brand-page": "/brand/words",
    "/personas": "/references",
    "/personas/references/{onboarding_id}/delete": "/references/{reference_id}/delete",
    "/authorities/propose": "/proposals",
    "/authorities/proposals/{proposal_id}/document": "/proposals/{proposal_id}/document",
    "/authorities/proposals/{proposal_id}/approve": "/proposals/{proposal_id}/approve",
    "/authorities/proposals/{proposal_id}/refuse": "/proposals/{proposal_id}/refuse",
    "/authorities/{authority_id}/suspend": "/authorities/{authority_id}/suspend",
    "/authorities/{authority_id}/resume": "/authorities/{authority_id}/resume",
    "/authorities/{authority_id}/withdraw": "/authorities/{authority_id}/withdraw",
    "/record/holds": "/holds",
    "/record/holds/{hold_id}/lift": "/holds/{hold_id}/lift",
}
"""The form's address -> the operation's, below the version."""

DECIDES = "a person decides over a video that they have seen: no program does, or takes a place in the queue"
APPEARS = "the decision of the person who appears, over their own likeness"
PROVES = "a sign-in, or what proves that it is this person"
RUNS = "who works here, and at which brand: an administrator's, freshly signed in, or on the machine"
EYES = "a preview for the eyes and ears of who writes; nothing of it is kept"
STRANGER = "a stranger's word about a video that they were sent"
ANSWERS = "a person has looked into the report and answers for what they found"

BY_A_PERSON: dict[str, str] = {
    "/campaigns/hear": EYES,
    **{
        f"/renders/{{render_id}}/{what}": DECIDES
        for what in (
            "approve", "reject", "change", "hand-on", "notes", "lease", "views", "views/{view_id}/played", "proxy",
        )
    },
    "/review/next": DECIDES,
    "/me/renders/{render_id}/approve": APPEARS,
    "/me/renders/{render_id}/refuse": APPEARS,
    "/me/scripts/{campaign_id}": APPEARS,
    "/me/texts/{render_id}": APPEARS,
    "/me/withdraw": APPEARS,
    "/reports/{report_id}/close": ANSWERS,
    "/v/{token}/report": STRANGER,
    "/keys": "a key makes no keys: a person does, freshly signed in, or on the machine",
    "/keys/{key_id}/revoke": "as making one",
    "/people/invitations": RUNS,
    "/people/invitations/{invitation_id}/revoke": RUNS,
    "/people/{account_id}/leave": RUNS,
    "/brands": RUNS,
    "/brands/veil": RUNS,
    "/brands/{brand_id}/work-at": "a key belongs to one brand",
    "/begin": "the first account, made with the code that the machine prints",
    **dict.fromkeys(
        (
            "/sign-in", "/sign-out", "/recover", "/invitation/{token}", "/invitation/{token}/with-account",
            "/account/confirm", "/account/passkey/begin", "/account/passkey/new", "/account/passkeys",
            "/account/passkeys/{passkey_id}/remove", "/account/totp", "/account/totp/confirm", "/account/totp/remove",
            "/account/recovery-codes", "/account/password",
        ),
        PROVES,
    ),
}  # fmt: skip
"""The form's address -> why no operation does the same."""


def test_each_form_has_its_operation_or_the_reason_why_it_is_a_persons():
    forms = {path for method, path in ROUTES if method == "POST" and not path.startswith(V1)}
    assert not set(BY_API) & set(BY_A_PERSON)
    assert forms == set(BY_API) | set(BY_A_PERSON)


def test_an_operation_asks_for_the_right_that_its_form_asks_for():
    for form, operation in BY_API.items():
        assert ROUTES["POST", V1 + operation].right == ROUTES["POST", form].right, form


def test_each_operation_that_changes_something_is_beside_a_form_or_needs_none():
    """A batch goes in without a trial where a program has tried it itself; an analysis has no page."""
    alone = {"/analyze_video", "/campaigns/{campaign_id}/recipients"}
    operations = {
        path.removeprefix(V1) for method, path in ROUTES if method == "POST" and path.startswith(V1)
    }
    assert operations - set(BY_API.values()) == alone
    assert ROUTES["POST", "/api/v1/verify"].right == PUBLIC
