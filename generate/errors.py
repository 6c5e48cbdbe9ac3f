"""What can go wrong between a script and a candidate video."""

from __future__ import annotations

from core.errors import GreenroomError, InputError


class TemplateError(InputError):
    """The template or its schema cannot be used as it is (trust step 2)."""

    code = "template"


class FieldError(InputError):
    """A field's value breaks its schema, or is not plain data (trust step 2). ``where`` names the field only."""

    code = "field"


class VoiceError(InputError):
    """No voice can speak this text (trust step 4)."""

    code = "voice"


class ReferenceRefused(InputError):
    """The reference clip cannot carry a new mouth; ``code`` says why, ``frames`` where.

    Codes: no_face, several_faces, face_too_small, turned_away, too_short, cut_in_clip, still_mouth, frame_size.
    """

    code = "reference_refused"

    def __init__(
        self, what: str, *, code: str, frames: tuple[int, ...] = (), where: str = "", next_step: str = ""
    ):
        self.frames = frames
        if frames:
            where = f"{where}, frames {frame_ranges(frames)}".lstrip(", ")
        super().__init__(what, where=where, next_step=next_step, code=code)


class Cancelled(GreenroomError):
    """Somebody asked the render to stop; nothing was stored."""

    code = "cancelled"
    http_status = 409


def frame_ranges(frames: tuple[int, ...], most: int = 5) -> str:
    """Frame numbers as short ranges for people: ``3-17, 40, ...``."""
    runs: list[list[int]] = []
    for frame in sorted(set(frames)):
        if runs and frame == runs[-1][1] + 1:
            runs[-1][1] = frame
        else:
            runs.append([frame, frame])
    shown = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in runs[:most])
    return shown + (", ..." if len(runs) > most else "")
