"""Intake: a request becomes a render. Trust steps 1-3 answer before it returns; everything slower is left
to workers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError as DuplicateRow
from sqlalchemy.orm import Session

from core.blobs import blobs
from core.canonical import digest_file
from core.database import reading, transaction
from core.errors import InputError
from core.ids import new_id
from core.media.probe import probe, refuse_rivals
from generate.fields import check_fields
from pipeline.course import check_open
from pipeline.errors import RequestKeyReused
from pipeline.life import begin, move
from pipeline.ownership import owned
from pipeline.script_approval import check_asked
from pipeline.stages import script as steps_one_to_three
from pipeline.states import State
from pipeline.suppression import check_recipient
from pipeline.tables import CampaignRow, ImportRow, PersonaRow, RenderRow
from pipeline.uses import valid_authority
from provenance.carried import carried_credential

MOST_ENGINE = 100

# What makes two requests the same request.
_ASKED = ("campaign_id", "origin", "fields", "source_sha256", "supersedes")


def request_render(
    campaign_id: str,
    fields: dict[str, Any],
    *,
    brand_id: str,
    maker_id: str,
    supersedes: str | None = None,
    request_key: str | None = None,
) -> RenderRow:
    """Ask for one personalised video. The row comes back `scripted`, or `blocked` with the reasons.

    The same ``request_key`` again answers with the first render.

    Raises:
        InputError: a field is missing, unknown or not what the schema allows.
        AuthorityInvalid: the persona's authority is not in force.
        RenderLimitReached: the authority's renders are used up.
        RequestKeyReused: the key belongs to another request.
        CampaignHalted: the campaign was cancelled.
        RecipientSuppressed: the recipient is on the brand's suppression list.
        Conflict: the person who appears has not approved the script, where the authority asks them.
        Nothing was stored in each of these cases.
    """
    with reading() as session:
        campaign = owned(session, CampaignRow, campaign_id, brand_id)
        if supersedes is not None:
            owned(session, RenderRow, supersedes, brand_id)
    check_fields(campaign.field_schema, fields)
    row = RenderRow(
        id=new_id("rnd"),
        brand_id=brand_id,
        campaign_id=campaign_id,
        maker_id=maker_id,
        supersedes=supersedes,
        request_key=request_key,
        origin="made",
        fields=fields,
    )
    return enter_request(row, campaign)


def import_video(
    video: Path,
    campaign_id: str,
    *,
    brand_id: str,
    maker_id: str,
    script: str | None = None,
    engine: str = "",
    request_key: str | None = None,
) -> RenderRow:
    """A finished video made elsewhere enters and passes the same gates. What its credential says is kept with it.

    Args:
        engine: by what it was made, as who brings it says; at most ``MOST_ENGINE`` characters.
        script: what the presenter is meant to say; None skips the transcript's comparison, and is flagged.

    Raises:
        MediaError: the file cannot be read, breaks a limit, or holds several pictures or sounds.
        AuthorityInvalid, RenderLimitReached, RequestKeyReused, CampaignHalted: as for :func:`request_render`. Nothing
            was stored.
    """
    made_with = " ".join(engine.split())
    if len(made_with) > MOST_ENGINE or not made_with.isprintable():
        raise InputError(
            f"the engine has a name of at most {MOST_ENGINE} characters",
            where="engine",
            next_step="shorten it",
        )
    refuse_rivals(probe(video), video)
    with reading() as session:
        campaign = owned(session, CampaignRow, campaign_id, brand_id)
    row = RenderRow(
        id=new_id("rnd"),
        brand_id=brand_id,
        campaign_id=campaign_id,
        maker_id=maker_id,
        request_key=request_key,
        origin="import",
        fields={},
        script=script,
    )
    return enter_request(row, campaign, video, engine=made_with)


def enter_request(
    row: RenderRow,
    campaign: CampaignRow,
    video: Path | None = None,
    *,
    engine: str = "",
    came_with: Sequence[ImportRow] = (),
    first: Callable[[Session], object] = lambda _session: None,
) -> RenderRow:
    """Trust steps 1-3 over a new row, which is then stored; the render of an earlier request under its key where there
    is one.

    Args:
        engine: what a ``video`` was made with, as who brings it says.
        came_with: what is on record of an import whose video is stored already.
        first: what has to hold too; done before all else in the transaction that stores the row.

    Raises as :func:`request_render`, and what ``first`` raises. Nothing was stored then.
    """
    if video is not None:
        row.source_sha256 = digest_file(video)
    if (before := asked_before(row)) is not None:
        return before
    with reading() as session:
        persona = owned(session, PersonaRow, campaign.persona_id, campaign.brand_id)
        standing = valid_authority(session, persona.authority_id, where=campaign.id)
        check_asked(session, campaign, standing, made=row.origin == "made", script=row.script)
        check_open(session, campaign.id)
        check_recipient(session, campaign, row.fields, where=campaign.id)
    carried = list(came_with)
    if video is not None:  # not before: a video that is refused is not kept
        blobs().put_file(video, "source")
        credential = carried_credential(video)
        carried.append(
            ImportRow(render_id=row.id, brand_id=row.brand_id, engine=engine, credential=credential)
        )
    outcome = steps_one_to_three.decide(row, campaign, persona)
    try:
        with transaction() as session:
            first(session)
            check_recipient(session, campaign, row.fields, where=campaign.id)
            # The authority again, and who appears, in the transaction that acts on the answer.
            standing = valid_authority(session, persona.authority_id, where=campaign.id)
            check_asked(session, campaign, standing, made=row.origin == "made", script=row.script)
            check_open(session, campaign.id)
            begin(session, row, rows=carried)
            outcome.record(session)
            facts = dict(outcome.facts)
            if outcome.reason:
                facts["reason_code"] = str(outcome.reason["code"])
            return move(
                session,
                row.id,
                outcome.state,
                start=State.DRAFT,
                values={**outcome.values, "reason": outcome.reason},
                facts=facts,
            )
    except DuplicateRow:
        before = asked_before(row)
        if before is None:
            raise
        return before


def asked_before(row: RenderRow) -> RenderRow | None:
    """The render of an earlier request under the same key. Raises RequestKeyReused when it asked for something else."""
    if row.request_key is None:
        return None
    with reading() as session:
        first = session.scalar(
            select(RenderRow).where(
                RenderRow.brand_id == row.brand_id, RenderRow.request_key == row.request_key
            )
        )
    if first is None:
        return None
    same = all(getattr(first, name) == getattr(row, name) for name in _ASKED)
    # The script of an import is the request's; of a made render it follows from the fields.
    if not same or (row.origin == "import" and (first.script or None) != (row.script or None)):
        raise RequestKeyReused(
            "this request key belongs to another request",
            where=first.id,
            next_step="send the first request again unchanged, or take a new key",
        )
    return first
