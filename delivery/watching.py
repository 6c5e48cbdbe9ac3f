"""What stands around a released video on its page: whose it is, its label, its credential, poster and captions.

Poster and captions are derivatives of the published file. They leave by the same door, `links.behind`, and are made
when they are asked for: nothing of them is stored, so nothing of them is left after a recall. The poster is a picture
of the published file in which the label is up; the captions begin with the label's words.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from core.blobs import blobs
from core.database import reading
from core.errors import NotFound
from core.labels import load_label_profile
from core.media.still import still
from core.models import AssetRole
from core.tables import AssetRow, BrandRow
from delivery.brand_page import last_words
from delivery.captions import cues_of, webvtt
from delivery.links import behind, still_serves
from generate.models import Speech
from pipeline.derived import Derived
from pipeline.tables import CampaignRow
from provenance.tables import ManifestRow

POSTER_AT = 1.0
"""Seconds: every label is up for the first two, at least (core/labels.py)."""
POSTER_WIDEST = 1280

_posters: Derived[bytes] = Derived(
    lambda sha256: still(blobs().get_file(sha256, AssetRole.PUBLISHED), at=POSTER_AT, widest=POSTER_WIDEST),
    most=64,
)  # about 100 kB each


@dataclass(frozen=True)
class Watched:
    """One released video as its page shows it.

    Attributes:
        brand, words: whose it is, and what the brand says there; "" where it says nothing.
        label: the words of the visible label.
        language: of what is spoken, a BCP 47 code.
        captions: whether there are any.
        released_at: when the published file was put on record.
        credential: id of the published file's credential.
    """

    brand: str
    words: str
    label: str
    language: str
    captions: bool
    released_at: datetime | None
    credential: str


def watched(token: str) -> Watched:
    """What the page of a link shows. Raises as :func:`delivery.links.open_link`."""
    with reading() as session:
        _, render = behind(session, token)
        campaign = session.get_one(CampaignRow, render.campaign_id)
        published = render.published_sha256 or ""
        asset = session.get(AssetRow, published)
        return Watched(
            brand=session.get_one(BrandRow, render.brand_id).name,
            words=last_words(session, render.brand_id),
            label=load_label_profile(campaign.label_profile).text,
            language=campaign.language,
            captions=render.speech_sha256 is not None,
            released_at=asset.created_at if asset is not None else None,
            credential=session.scalar(
                select(ManifestRow.credential_id).where(ManifestRow.asset_sha256 == published)
            )
            or "",
        )


def kept_poster(token: str) -> bytes | None:
    """As :func:`poster` where that takes no time: one that is in memory; None where it has to be made first."""
    with reading() as session:
        _, render = behind(session, token)
    return _posters.kept(render.published_sha256 or "")


def poster(token: str) -> bytes:
    """A JPEG picture of the video, with its label. Raises as :func:`delivery.links.open_link`; Busy."""
    with reading() as session:
        _, render = behind(session, token)
    made = _posters.of(render.published_sha256 or "")
    if not still_serves(token):  # making it took a while
        with reading() as session:
            behind(session, token)
    return made


def captions(token: str) -> str:
    """The spoken words as WebVTT, from the timings that the lips follow.

    Raises as :func:`delivery.links.open_link`; NotFound for a video whose timings nobody knows (an import).
    """
    with reading() as session:
        _, render = behind(session, token)
        campaign = session.get_one(CampaignRow, render.campaign_id)
        label = load_label_profile(campaign.label_profile).text
    if render.speech_sha256 is None:
        raise NotFound("this video has no captions", next_step="watch it with its sound")
    spoken = Speech.load(blobs().get_file(render.speech_sha256, "speech"))
    return webvtt(cues_of(spoken.text, spoken.words), label=label)
