"""One still of a campaign that nobody has made yet: who appears, under the visible label of the place it is for.

It is a picture of the reference clip as it came, with the label drawn on it as on each video. The lips are not moved,
and nothing of it is stored. It goes to whom the clip goes: makers at the persona's brand.
"""

from __future__ import annotations

from core.blobs import blobs
from core.database import reading
from core.errors import InputError
from core.labels import draw_label, load_label_profile, names
from core.media.still import picture_at, small_jpeg
from core.tables import BrandRow
from core.territories import FORM, is_territory
from pipeline.campaign_spec import label_of
from pipeline.derived import Derived
from pipeline.ownership import owned
from pipeline.shown import PICTURE_AT
from pipeline.tables import PersonaRow
from pipeline.uses import valid_authority

WIDEST = 480


def still_of(persona_id: str, *, territory: str, label_profile: str = "", brand_id: str) -> bytes:
    """A JPEG of at most ``WIDEST`` pixels.

    Args:
        territory: whose label is drawn; the brand's own where it is empty. label_profile: another one by name.

    Raises:
        AuthorityInvalid: nothing new is made of this persona now. NotFound: no such persona of this brand.
        InputError: that is no territory, or no label. LabelError: the label does not fit into the picture.
        Busy: others are being made. MediaError.
    """
    if territory and not is_territory(territory):
        raise InputError("that is no territory", where="territory", next_step=f"write {FORM}")
    if label_profile and label_profile not in names():
        raise InputError(
            "that is no label", where="label_profile", next_step="choose one of " + ", ".join(names())
        )
    with reading() as session:
        brand = owned(session, BrandRow, brand_id, brand_id)
        persona = owned(session, PersonaRow, persona_id, brand_id)
        valid_authority(session, persona.authority_id, where=persona.id)
    label = label_of(label_profile or None, territory or brand.territory or "")
    return _stills.of(f"{persona.reference_sha256} {label.name}")


def _drawn(what: str) -> bytes:
    reference, label = what.split()
    picture = picture_at(blobs().get_file(reference), at=PICTURE_AT)
    return small_jpeg(draw_label(picture, load_label_profile(label), 0.0, 2 * PICTURE_AT), WIDEST)


_stills: Derived[bytes] = Derived(_drawn, most=200)  # about 20 kB each
