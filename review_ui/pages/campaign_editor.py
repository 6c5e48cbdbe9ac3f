"""Where a campaign is written: its text and fields, with what the rules say of them while somebody types."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from anyio import CapacityLimiter
from fastapi import APIRouter, Depends, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse, RedirectResponse, Response

from core.database import reading
from core.errors import GreenroomError, InputError
from core.labels import names as label_profiles
from core.tables import BrandRow
from generate.aloud import preview
from pipeline.campaign_spec import CHANNELS, campaign_from
from pipeline.drafts import Look, look_at
from pipeline.lists import page_of_personas
from pipeline.ownership import owned
from pipeline.preview import still_of
from pipeline.service import create_campaign
from pipeline.tables import PersonaRow
from policy.topics import topics
from review_ui.accounts import require
from review_ui.evidence import marked_script
from review_ui.field_forms import (
    KINDS,
    FieldRow,
    examples_of,
    named_in,
    rows_of,
    schema_from,
    schema_of,
)
from review_ui.making import in_line
from review_ui.rendering import fragment, page
from review_ui.security import Signed, Visitor, check_brand, check_token

router = APIRouter(prefix="/campaigns")

MOST_PERSONAS = 100
_FIELDS_OF_THE_FORM = 400  # fifty rows of six, and the campaign's own

Sent = dict[str, str]


async def _sent(request: Request, visitor: Signed) -> tuple[Visitor, Sent]:
    """The form, whose fields are the template's, with the token of this sign-in. Raises Forbidden."""
    require(visitor.account, "make")
    form = await request.form(max_files=0, max_fields=_FIELDS_OF_THE_FORM)
    sent = {name: str(value) for name, value in form.items()}
    check_token(visitor, sent.pop("csrf", ""))
    return visitor, sent


Written = Annotated[tuple[Visitor, Sent], Depends(_sent)]


@dataclass(frozen=True)
class Draft:
    """What the form holds, read. ``problem``: why the fields cannot be described so."""

    sent: Sent
    rows: list[FieldRow]
    schema: dict[str, Any]
    problem: GreenroomError | None

    @property
    def values(self) -> dict[str, Any]:
        """As :class:`pipeline.campaign_spec.CampaignSpec` takes them."""
        sent = self.sent
        named = (
            "name",
            "template",
            "territory",
            "topic",
            "channel",
            "language",
            "risk_class",
            "label_profile",
        )
        values: dict[str, Any] = {name: sent[name].strip() for name in named if sent.get(name, "").strip()}
        return {
            "name": "",
            "template": "",
            **values,
            "fields": self.schema,
            "release_on_approval": "release_on_approval" in sent,
        }


def _draft(sent: Sent) -> Draft:
    rows = rows_of(named_in(sent.get("template", "")), sent)
    try:
        as_json = sent.get("described") == "json"
        schema = (
            schema_from(sent.get("schema", ""))
            if as_json
            else schema_of(rows, sent.get("recipient", "").strip())
        )
    except GreenroomError as problem:
        return Draft(sent, rows, {}, problem)
    return Draft(sent, rows, schema, None)


def _look(draft: Draft, brand_id: str) -> Look:
    if draft.problem is not None:
        return Look(problems=(draft.problem,))
    return look_at(
        draft.values,
        persona_id=draft.sent.get("persona", ""),
        examples=examples_of(draft.rows, draft.schema),
        brand_id=brand_id,
    )


@router.get("/new")
def new(request: Request, visitor: Signed) -> Response:
    """An empty form; the only persona there is, is chosen."""
    require(visitor.account, "make")
    personas = _personas(visitor)
    sent = {"persona": personas[0].id if len(personas) == 1 else "", "release_on_approval": "yes"}
    return _shown(request, visitor, _draft(sent), None)


@router.post("")
def make(request: Request, written: Written) -> Response:
    """The campaign, or the form again with what is wrong; ``look``: only a look at it was asked for."""
    visitor, sent = written
    draft = _draft(sent)
    look = _look(draft, visitor.account.brand_id)
    if "look" in sent:
        return _shown(request, visitor, draft, look)
    try:
        check_brand(visitor, sent.get("at_brand", ""))
        if look.problems:
            raise look.problems[0]
        row = create_campaign(
            brand_id=visitor.account.brand_id,
            persona_id=sent.get("persona", ""),
            spec=campaign_from(draft.values),
        )
    except GreenroomError as problem:
        return _shown(request, visitor, draft, look, problem)
    return RedirectResponse(f"/campaigns/{row.id}", status_code=303)


@router.post("/look")
def look(request: Request, written: Written) -> Response:
    """What the page's script puts beside the form while somebody types: findings, words, length, and the fields."""
    visitor, sent = written
    draft = _draft(sent)
    seen = _look(draft, visitor.account.brand_id)
    html = fragment(request, "campaign_look.html", look=seen, pieces=_pieces(seen))
    rows = fragment(request, "campaign_fields.html", rows=draft.rows, kinds=KINDS)
    schema = json.dumps(draft.schema, indent=2, ensure_ascii=False)
    names = [row.name for row in draft.rows]
    told = {"look": html, "rows": rows, "names": names, "schema": schema, "still": _still_at(sent)}
    return JSONResponse(told)


_STILLS = CapacityLimiter(4)
"""Threads in which they are made, or waited for."""


@router.get("/still.jpg")
async def still(visitor: Signed, persona: str = "", territory: str = "", label_profile: str = "") -> Response:
    """Who appears, under the label of the place. Raises as :func:`pipeline.preview.still_of`."""
    require(visitor.account, "make")
    brand_id = visitor.account.brand_id

    def made() -> bytes:
        return still_of(persona, territory=territory.strip(), label_profile=label_profile, brand_id=brand_id)

    return Response(await in_line(_STILLS, made), media_type="image/jpeg")


def _still_at(sent: Sent) -> str:
    """The still's address; "" while nobody is chosen."""
    asked = {name: sent.get(name, "").strip() for name in ("persona", "territory", "label_profile")}
    return "/campaigns/still.jpg?" + urlencode(asked) if asked["persona"] else ""


@router.post("/hear")
async def hear(written: Written) -> Response:
    """The script's beginning in the persona's voice, as a WAV file. Nothing of it is kept.

    Raises InputError where nothing can be said.
    """
    visitor, sent = written
    sound = await run_in_threadpool(_spoken, _draft(sent), visitor.account.brand_id)
    return Response(sound, media_type="audio/wav")


def _spoken(draft: Draft, brand_id: str) -> bytes:
    seen = _look(draft, brand_id)
    if not seen.script:
        nothing = InputError("there is nothing to say", where="template", next_step="write a sentence")
        raise seen.problems[0] if seen.problems else nothing
    with reading() as session:
        persona = owned(session, PersonaRow, draft.sent.get("persona", ""), brand_id)
    return preview(seen.script, persona.voice, draft.values.get("language", "en"))


def _personas(visitor: Visitor) -> list[PersonaRow]:
    with reading() as session:
        found = page_of_personas(session, brand_id=visitor.account.brand_id, limit=MOST_PERSONAS)
    return list(found.rows)


def _pieces(look: Look | None) -> list[Any]:
    """The marked script of each way."""
    said = look.said if look is not None else ()
    return [marked_script(one.script, list(one.findings)) for one in said]


def _shown(
    request: Request,
    visitor: Visitor,
    draft: Draft,
    look: Look | None,
    problem: GreenroomError | None = None,
) -> Response:
    with reading() as session:
        brand = session.get_one(BrandRow, visitor.account.brand_id)
    return page(
        request,
        "campaign_editor.html",
        status=problem.http_status if problem is not None else 200,
        visitor=visitor,
        sent=draft.sent,
        rows=draft.rows,
        schema=draft.sent.get("schema") or json.dumps(draft.schema, indent=2, ensure_ascii=False),
        look=look,
        still=_still_at(draft.sent),
        pieces=_pieces(look),
        problem=problem,
        personas=_personas(visitor),
        brand=brand,
        kinds=KINDS,
        topics=sorted(topics()),
        channels=CHANNELS,
        profiles=label_profiles(),
    )
