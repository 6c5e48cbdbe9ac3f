"""Where a reviewer decides (trust step 11), leaves a video to a senior, takes the next one, and says that they look.

A form works without script. The page's script sends the same forms ten seconds later (pending.js): until then nothing
has reached this process, so that taking a decision back leaves nothing to take back.
"""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from fastapi import APIRouter, Form, Request
from fastapi.responses import RedirectResponse, Response

from core.errors import InputError
from pipeline import handing_on, review
from pipeline.annotations import MOST, Ask
from pipeline.assignment import give_back, next_for, take
from review_ui import factors
from review_ui.accounts import require
from review_ui.chosen import chosen_of
from review_ui.memberships import seniors_of
from review_ui.pages.console import Note, act_on, is_senior
from review_ui.pages.player import FromScript, ranges_of_form
from review_ui.pages.queue import VIEWS, order_in
from review_ui.people import names_of
from review_ui.played import coverage, played_proxy, report_with_decision
from review_ui.security import Sent, Visitor, check_brand

router = APIRouter()

Asset = Annotated[str, Form()]
Played = Annotated[str, Form(max_length=8000)]
Flag = Annotated[bool, Form()]
Code = Annotated[str, Form(max_length=20)]
Seconds = Annotated[str, Form(max_length=1000)]
Id = Annotated[str, Form(max_length=60, pattern=r"^\w*$")]
Ids = Annotated[str, Form(max_length=600, pattern=r"^[\w,]*$")]

_PLACE = re.compile(
    r"\s*(\d{1,6}(?:\.\d{1,3})?)\s*s?(?:\s*(?:-|to)\s*(\d{1,6}(?:\.\d{1,3})?)\s*s?)?\s*", re.ASCII
)


@router.post("/renders/{render_id}/approve")
def approve(
    *,
    request: Request,
    visitor: Sent,
    render_id: str,
    asset: Asset,
    note: Note = "",
    played: Played = "",
    by_proxy: Flag = False,
    passkey: Annotated[str, Form(max_length=20_000)] = "",
    totp: Annotated[str, Form(max_length=20)] = "",
) -> Response:
    """Whether it was seen follows from what the player reported; whether that is enough says ``pipeline.review``."""
    require(visitor.account, "review")
    account = visitor.account

    def act() -> None:
        report_with_decision(render_id, ranges_of_form(played), account=account, by_proxy=by_proxy)
        factor = factors.prove(
            account,
            purpose="approve",
            subject=factors.decision_subject(render_id, asset, "approve"),
            passkey_json=passkey,
            totp=totp,
        )
        review.approve(**_decision(visitor, render_id, asset), note=note, factor=factor)

    return act_on(request, visitor, render_id, act, note=note)


@router.post("/renders/{render_id}/reject")
def reject(
    *,
    request: Request,
    visitor: Sent,
    render_id: str,
    asset: Asset,
    note: Note = "",
    code: Code = "",
    seconds: Seconds = "",
    played: Played = "",
    by_proxy: Flag = False,
) -> Response:
    require(visitor.account, "review")

    def act() -> None:
        asks = asks_of(code, note, seconds)
        report_with_decision(render_id, ranges_of_form(played), account=visitor.account, by_proxy=by_proxy)
        review.reject(**_decision(visitor, render_id, asset), asks=asks)

    return act_on(request, visitor, render_id, act, note=note)


@router.post("/renders/{render_id}/change")
def ask_for_change(
    *,
    request: Request,
    visitor: Sent,
    render_id: str,
    asset: Asset,
    note: Note = "",
    code: Code = "",
    seconds: Seconds = "",
    played: Played = "",
    by_proxy: Flag = False,
) -> Response:
    require(visitor.account, "review")

    def act() -> None:
        asks = asks_of(code, note, seconds)
        report_with_decision(render_id, ranges_of_form(played), account=visitor.account, by_proxy=by_proxy)
        review.reject(**_decision(visitor, render_id, asset), asks=asks, change=True)

    return act_on(request, visitor, render_id, act, note=note)


@router.post("/renders/{render_id}/hand-on")
def hand_on(request: Request, visitor: Sent, render_id: str, asset: Asset, note: Note = "") -> Response:
    """Leave the decision to a senior reviewer, with a question."""
    require(visitor.account, "review")
    account = visitor.account

    def act() -> None:
        handing_on.hand_on(
            render_id,
            brand_id=account.brand_id,
            reviewer_id=account.id,
            sealed_sha256=asset,
            words=note,
            seniors=seniors_of(account.brand_id),
            senior=is_senior(visitor),
        )

    return act_on(request, visitor, render_id, act, note=note)


@router.post("/review/next")
def next_one(
    request: Request, visitor: Sent, after: Id = "", without: Ids = "", at_brand: Id = ""
) -> Response:
    """To the next video that this account may decide over, of the list that the address names, taken for it; to that
    list where nothing of it waits.

    ``without``: ids, parted by commas, whose decisions are on their way.
    """
    require(visitor.account, "review")
    check_brand(visitor, at_brand)
    account = visitor.account
    wanted = chosen_of(request)
    pending = [one for one in without.split(",") if one]
    found = next_for(
        account.id,
        brand_id=account.brand_id,
        after=after,
        without=pending,
        senior=is_senior(visitor),
        campaign_id=wanted.campaign,
        order=order_in(VIEWS["review"], wanted),
        narrowing=wanted.narrowing,
    )
    if after and after not in pending:
        give_back(after, account_id=account.id)
    return RedirectResponse((f"/renders/{found}" if found else "/") + wanted.query, status_code=303)


@router.post("/renders/{render_id}/lease")
def look(visitor: FromScript, render_id: str) -> dict[str, Any]:
    """Somebody looks at this video: their lease is taken or renewed. The answer names who has it. Refused to whoever
    may not decide over it.
    """
    require(visitor.account, "review")
    account = visitor.account
    holder = take(render_id, brand_id=account.brand_id, account_id=account.id, senior=is_senior(visitor))
    return {
        "mine": holder == account.id,
        "holder": names_of([holder], brand_id=account.brand_id)[holder],
    }


def asks_of(code: str, note: str, seconds: str) -> list[Ask]:
    """What a form says is wrong: one for each place of ``seconds`` ("3.2, 5-6.5"), or one for all of the video.

    Raises InputError for no reason at all, and for what is no list of seconds.
    """
    if not code and not note.strip():
        raise InputError(
            "this needs a reason",
            where="reason",
            next_step="choose a reason, or say in a sentence what is wrong",
        )
    named = code or "other"
    places = [part for part in seconds.split(",") if part.strip()]
    if len(places) > MOST:
        raise InputError(
            f"at most {MOST} places at once", where="seconds", next_step="say the rest in the note"
        )
    return [Ask(named, note, *seconds_of(place)) for place in places] or [Ask(named, note)]


def seconds_of(place: str) -> tuple[float, float]:
    """The seconds that somebody typed: "3.2" is a moment, "5-6.5" a stretch. Raises InputError."""
    found = _PLACE.fullmatch(place)
    if found is None:
        raise InputError(
            "these are no seconds",
            where="seconds",
            next_step="write them as in 3.2, 5-6.5, or leave them out",
        )
    t0 = float(found[1])
    t1 = float(found[2]) if found[2] else t0
    if not (math.isfinite(t0) and t0 <= t1):
        raise InputError("a stretch ends after it begins", where="seconds", next_step="write it as in 5-6.5")
    return t0, t1


def _decision(visitor: Visitor, render_id: str, asset: str) -> dict[str, Any]:
    """Who decides over what, as the functions of ``pipeline.review`` take it."""
    account = visitor.account
    return {
        "render_id": render_id,
        "brand_id": account.brand_id,
        "reviewer_id": account.id,
        "sealed_sha256": asset,
        "played": coverage(account.id, asset),
        "proxy_sha256": played_proxy(account.id, asset),
        "senior": is_senior(visitor),
    }
