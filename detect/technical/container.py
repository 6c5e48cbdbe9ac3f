"""What a file itself does wrong: pictures that do not come out, clocks with holes, headers that lie, rival tracks.

Each is a finding with its seconds: what a reviewer's player hides, another player may show.
"""

from __future__ import annotations

from core.media.models import Seconds
from detect.channels import disagreement
from detect.technical.report import Report

LENGTH_SHARE = 0.02  # of the length: headers round, and count a codec's padding


def judge_file(report: Report) -> None:
    """Everything that the reading of the file itself shows."""
    _rivals(report)
    _pictures(report)
    _clock(report)
    _sound(report)
    _lengths(report)


def _rivals(report: Report) -> None:
    """Another picture or sound that a player could show or play was not examined: a person must know."""
    info = report.subject.info
    for role, code, what in (
        ("second picture", "second_picture", "picture"),
        ("second sound", "second_sound", "sound"),
    ):
        rivals = [track for track in info.tracks if track.role == role]
        taken = next((track.name for track in info.tracks if track.role == what), "none")
        for track in rivals:
            report.add(
                code,
                f"The file has another {what}, {track.name}, which was not examined; {taken} was.",
                [(float(track.start or 0), float(track.end or info.duration))],
                source="file",
                track=track.number,
                hint=f"Keep the one {what} that is meant, and examine the file again.",
            )


def _pictures(report: Report) -> None:
    info, decoded = report.subject.info, report.subject.decoded
    lost = sum(_count(span, float(info.video.frame_rate)) for span in decoded.undecodable)
    report.value(
        "undecodable_pictures",
        float(lost),
        lambda v: f"{v:.0f} of {info.video.frames} pictures cannot be decoded.",
        spans=list(decoded.undecodable),
        hint="Export the video again; what follows such a place is smeared until the next key picture.",
    )
    patched = sum(_count(span, float(info.video.frame_rate)) for span in decoded.damaged)
    report.value(
        "damaged_pictures",
        float(patched),
        lambda v: f"{v:.0f} pictures are damaged, and were patched by the decoder.",
        spans=list(decoded.damaged),
        hint="Export the video again, or transfer the file again.",
    )


def _clock(report: Report) -> None:
    repeated = report.subject.decoded.repeated
    report.value(
        "repeated_times",
        float(sum(_count(span, float(report.subject.info.video.frame_rate)) for span in repeated)),
        lambda v: f"{v:.0f} pictures have no time of their own in the file.",
        spans=list(repeated),
        hint="Export the video again; players show such pictures at different moments.",
    )
    resets = report.subject.info.resets
    report.value(
        "clock_reset",
        float(len(resets)),
        lambda v: f"The file's clock starts again {_times(v)}: recordings were joined here.",
        spans=[(reset, reset) for reset in resets],
        source="file",
        hint="Join the parts with an editor and export them as one.",
    )


def _sound(report: Report) -> None:
    decoded = report.subject.decoded
    report.spans(
        "sound_gap",
        list(decoded.gaps),
        lambda s: f"The sound has a hole of {s:.2f} s in its clock.",
        source="sound",
        hint="Export the sound again.",
    )
    report.value(
        "sound_overlap",
        decoded.dropped,
        lambda v: f"{v:.2f} s of sound are placed where there was sound already, and were left out.",
        spans=list(decoded.overlaps),
        source="sound",
        hint="Export the sound again; players differ in what they play here.",
    )
    report.value(
        "sound_layout_changes",
        float(len(decoded.layout_changes)),
        lambda v: f"The sound changes its channels or its rate {_times(v)}.",
        spans=[(at, at) for at in decoded.layout_changes],
        source="sound",
        hint="Export the sound with one layout and one rate.",
    )
    other = disagreement(report.subject)
    if other is not None:
        report.findings.append(other)


def _lengths(report: Report) -> None:
    info, decoded = report.subject.info, report.subject.decoded
    duration = float(info.duration)
    declared = float(info.declared)
    # Some headers count from the container's own zero, some from the first picture.
    apart = min(abs(declared - duration), abs(declared - duration - float(info.zero)))
    if declared > 0 and apart > LENGTH_SHARE * duration:
        report.value(
            "declared_length",
            apart,
            lambda v: f"The file says that it lasts {declared:.1f} s; what is in it lasts {duration:.1f} s.",
            spans=[(min(declared, duration), max(declared, duration))],
            source="file",
            hint="Export the video again; players that believe the header cut it off or hang at its end.",
        )
    if info.audio is None:
        return
    picture = (float(info.video.start), float(info.video.end))
    sound = (float(info.audio.start), decoded.sound_end or float(info.audio.end))
    ends: list[Seconds] = [(min(a, b), max(a, b)) for a, b in zip(picture, sound, strict=True)]
    bound = report.bound("length_mismatch").review
    report.value(
        "length_mismatch",
        max(b - a for a, b in ends),
        lambda v: f"Sound and picture begin or end {v:.2f} s apart.",
        spans=[span for span in ends if span[1] - span[0] >= bound],
        source="file",
        hint="Cut both to the same length.",
    )


def _count(span: Seconds, rate: float) -> int:
    return max(1, round((span[1] - span[0]) * rate))


def _times(count: float) -> str:
    return "once" if count == 1 else f"{count:.0f} times"
