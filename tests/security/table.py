"""What every route asks of whom: the one table of answers. A route that is not in it fails the tests.

``right``: see :mod:`review_ui.roles`; ``OWN``: a sign-in is enough; ``PUBLIC``: nothing is asked.
``by``: how the route knows who asks: ``cookie`` alone, a ``form`` or a page's ``script`` with its token (CSRF), or
``basic`` credentials.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

OWN, PUBLIC = "", "public"


class Asks(NamedTuple):
    right: str
    by: Literal["nobody", "cookie", "form", "script", "basic"]


ROUTES: dict[tuple[str, str], Asks] = {
    ("GET", "/"): Asks("view", "cookie"),
    ("GET", "/find"): Asks("view", "cookie"),
    ("GET", "/campaigns"): Asks("view", "cookie"),
    ("GET", "/campaigns/{campaign_id}"): Asks("view", "cookie"),
    ("GET", "/campaigns/{campaign_id}/progress"): Asks("view", "cookie"),
    ("POST", "/campaigns/{campaign_id}/renders"): Asks("make", "form"),
    ("GET", "/renders/{render_id}"): Asks("view", "cookie"),
    ("GET", "/renders/{render_id}/video"): Asks("view", "cookie"),
    ("POST", "/renders/{render_id}/approve"): Asks("review", "form"),
    ("POST", "/renders/{render_id}/reject"): Asks("review", "form"),
    ("POST", "/renders/{render_id}/change"): Asks("review", "form"),
    ("POST", "/renders/{render_id}/hand-on"): Asks("review", "form"),
    ("POST", "/renders/{render_id}/lease"): Asks("review", "script"),
    ("POST", "/review/next"): Asks("review", "form"),
    ("POST", "/renders/{render_id}/release"): Asks("release", "form"),
    ("POST", "/renders/{render_id}/recall"): Asks("release", "form"),
    ("POST", "/renders/{render_id}/retry"): Asks("make", "form"),
    ("POST", "/renders/{render_id}/again"): Asks("make", "form"),
    ("POST", "/campaigns/{campaign_id}/retry"): Asks("make", "form"),
    ("POST", "/renders/{render_id}/links"): Asks("release", "form"),
    ("POST", "/renders/{render_id}/links/{link_id}/revoke"): Asks("release", "form"),
    ("POST", "/renders/{render_id}/views"): Asks("review", "script"),
    ("POST", "/renders/{render_id}/views/{view_id}/played"): Asks("review", "script"),
    ("POST", "/campaigns/{campaign_id}/tags"): Asks("release", "form"),
    ("POST", "/campaigns/{campaign_id}/links.csv"): Asks("release", "form"),
    ("GET", "/suppressions"): Asks("release", "cookie"),
    ("POST", "/suppressions"): Asks("release", "form"),
    ("POST", "/suppressions/remove"): Asks("release", "form"),
    ("POST", "/suppressions/look"): Asks("release", "form"),
    ("POST", "/suppressions/import"): Asks("release", "form"),
    ("GET", "/webhooks"): Asks("release", "cookie"),
    ("POST", "/webhooks"): Asks("release", "form"),
    ("POST", "/webhooks/{webhook_id}/rotate"): Asks("release", "form"),
    ("POST", "/webhooks/{webhook_id}/end"): Asks("release", "form"),
    ("POST", "/webhooks/{webhook_id}/test"): Asks("release", "form"),
    ("POST", "/webhooks/messages/{message_id}/again"): Asks("release", "form"),
    ("GET", "/authorities"): Asks("view", "cookie"),
    ("POST", "/authorities/{authority_id}/suspend"): Asks("audit", "form"),
    ("POST", "/authorities/{authority_id}/resume"): Asks("audit", "form"),
    ("POST", "/authorities/{authority_id}/withdraw"): Asks("audit", "form"),
    ("GET", "/reports"): Asks("audit", "cookie"),
    ("POST", "/reports/{report_id}/close"): Asks("audit", "form"),
    ("GET", "/brand-page"): Asks("release", "cookie"),
    ("POST", "/brand-page"): Asks("release", "form"),
    ("POST", "/api/v1/analyze_video"): Asks("view", "basic"),
    ("GET", "/api/v1/renders"): Asks("view", "basic"),
    ("POST", "/api/v1/campaigns/{campaign_id}/recipients"): Asks("make", "basic"),
    ("POST", "/api/v1/renders/{render_id}/again"): Asks("make", "basic"),
    ("GET", "/api/v1/campaigns/{campaign_id}/progress"): Asks("view", "basic"),
    ("GET", "/api/v1/campaigns/{campaign_id}/stopped"): Asks("view", "basic"),
    ("POST", "/api/v1/campaigns/{campaign_id}/retry"): Asks("make", "basic"),
    ("POST", "/api/v1/campaigns/{campaign_id}/links"): Asks("release", "basic"),
    ("POST", "/api/v1/campaigns/{campaign_id}/tags"): Asks("release", "basic"),
    ("POST", "/api/v1/suppressions"): Asks("release", "basic"),
    ("POST", "/api/v1/suppressions/remove"): Asks("release", "basic"),
    ("POST", "/api/v1/suppressions/look"): Asks("release", "basic"),
    ("GET", "/api/v1/webhooks"): Asks("release", "basic"),
    ("POST", "/api/v1/webhooks"): Asks("release", "basic"),
    ("GET", "/api/v1/webhooks/messages"): Asks("release", "basic"),
    ("POST", "/api/v1/webhooks/messages/{message_id}/again"): Asks("release", "basic"),
    ("POST", "/api/v1/webhooks/{webhook_id}/rotate"): Asks("release", "basic"),
    ("POST", "/api/v1/webhooks/{webhook_id}/test"): Asks("release", "basic"),
    ("POST", "/api/v1/webhooks/{webhook_id}/end"): Asks("release", "basic"),
    ("GET", "/people"): Asks("administer", "cookie"),
    ("POST", "/people/invitations"): Asks("administer", "form"),
    ("POST", "/people/invitations/{invitation_id}/revoke"): Asks("administer", "form"),
    ("POST", "/people/{account_id}/leave"): Asks("administer", "form"),
    ("GET", "/brands"): Asks(OWN, "cookie"),
    ("POST", "/brands"): Asks("administer", "form"),
    ("POST", "/brands/{brand_id}/work-at"): Asks(OWN, "form"),
    ("GET", "/account"): Asks(OWN, "cookie"),
    ("POST", "/account/confirm"): Asks(OWN, "form"),
    ("POST", "/account/passkey/begin"): Asks(OWN, "form"),
    ("POST", "/account/passkey/new"): Asks(OWN, "form"),
    ("POST", "/account/passkeys"): Asks(OWN, "form"),
    ("POST", "/account/passkeys/{passkey_id}/remove"): Asks(OWN, "form"),
    ("POST", "/account/totp"): Asks(OWN, "form"),
    ("POST", "/account/totp/confirm"): Asks(OWN, "form"),
    ("POST", "/account/totp/remove"): Asks(OWN, "form"),
    ("POST", "/account/recovery-codes"): Asks(OWN, "form"),
    ("POST", "/account/password"): Asks(OWN, "form"),
    ("POST", "/sign-out"): Asks(OWN, "form"),
    ("GET", "/begin"): Asks(PUBLIC, "nobody"),  # while there is no account, for who holds the first code
    ("POST", "/begin"): Asks(PUBLIC, "nobody"),
    ("GET", "/invitation/{token}"): Asks(PUBLIC, "nobody"),
    ("POST", "/invitation/{token}"): Asks(PUBLIC, "nobody"),
    ("POST", "/invitation/{token}/with-account"): Asks(PUBLIC, "nobody"),
    ("GET", "/sign-in"): Asks(PUBLIC, "nobody"),
    ("POST", "/sign-in"): Asks(PUBLIC, "nobody"),
    ("GET", "/recover"): Asks(PUBLIC, "nobody"),
    ("POST", "/recover"): Asks(PUBLIC, "nobody"),
    ("GET", "/health"): Asks(PUBLIC, "nobody"),
    ("GET", "/ready"): Asks(PUBLIC, "nobody"),
    ("GET", "/metrics"): Asks(
        PUBLIC, "nobody"
    ),  # this machine's programs, or a token: tests/review_ui/test_access.py
    ("GET", "/verify"): Asks(PUBLIC, "nobody"),
    ("POST", "/verify"): Asks(PUBLIC, "nobody"),
    ("GET", "/verify/said/{token}"): Asks(PUBLIC, "nobody"),
    ("GET", "/v/{token}"): Asks(PUBLIC, "nobody"),
    ("GET", "/v/{token}/video.mp4"): Asks(PUBLIC, "nobody"),
    ("GET", "/v/{token}/poster.jpg"): Asks(PUBLIC, "nobody"),
    ("GET", "/v/{token}/captions.vtt"): Asks(PUBLIC, "nobody"),
    ("GET", "/v/{token}/report"): Asks(PUBLIC, "nobody"),
    ("POST", "/v/{token}/report"): Asks(PUBLIC, "nobody"),
    ("POST", "/api/v1/verify"): Asks(PUBLIC, "nobody"),
}

BESIDE = {"/api/openapi.json", "/static"}
"""What answers beside the routes: the description of the API, and files without secrets."""

CLOSED = {route: asks for route, asks in ROUTES.items() if asks.right != PUBLIC}
