"""Which class is which gate. The gate set says which gates must run; this only says where they are.

A gate of another distribution is an entry point of the group ``greenroom.gates`` with the gate's name; it cannot
take the name of one of ours.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points

from core.errors import GreenroomError
from detect.models import Gate, MarkReader

GATES = {
    "one_face": "detect.presence:PresenceGate",
    "artifact_quality": "detect.artifact:QualityGate",
    "authenticity": "detect.artifact:AuthenticityGate",
    "lip_sync": "detect.sync:SyncGate",
    "face_identity": "detect.identity:FaceIdentityGate",
    "voice_identity": "detect.identity:VoiceIdentityGate",
    "transcript": "detect.transcript:TranscriptGate",
    "technical": "detect.technical:TechnicalGate",
    "label": "detect.label:LabelGate",
}
PLUGINS = "greenroom.gates"


class UnknownGate(GreenroomError):
    """The gate set names a gate that is not installed."""

    code = "unknown_gate"


def make_gate(name: str, mark_reader: MarkReader | None = None) -> Gate:
    """A fresh gate for one examination.

    Raises:
        UnknownGate: nothing installed answers to this name.
    """
    if name == "mark":
        from detect.mark import MarkGate

        return MarkGate(mark_reader)
    factory: Callable[[], Gate]
    if name in GATES:
        module, _, attribute = GATES[name].partition(":")
        factory = getattr(import_module(module), attribute)
        return factory()
    for point in entry_points(group=PLUGINS, name=name):
        factory = point.load()
        return factory()
    raise UnknownGate(
        f"no installed gate is called '{name}'",
        where=name,
        next_step="install it, or publish a gate set without it",
    )
