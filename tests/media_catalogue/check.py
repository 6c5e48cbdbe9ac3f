"""A reading held against the truth: a list of what is wrong, in words; and the measured offset of sound to picture."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from tests.media_catalogue import beeps
from tests.media_catalogue.found import Found
from tests.media_catalogue.truth import HeardTruth, SeenTruth, Span, Truth

VOICE_DB = 4.0
SPAN_EDGE = 0.12  # seconds by which a reported gap or change may lie beside the true one


def problems(truth: Truth, found: Found, *, facts: bool = True) -> list[str]:
    """Everything that does not hold. ``facts`` False: pictures and sound alone, no presentation and no findings."""
    if truth.refused:
        return (
            []
            if found.error in truth.refused
            else [f"not refused as {truth.refused}: {found.error or 'read'}"]
        )
    if found.error:
        return [] if found.error in truth.or_refused else [f"refused: {found.error}"]
    wrong: list[str] = []
    if truth.seen is not None:
        wrong += _pictures(truth, truth.seen, found)
        wrong += _colours(truth.seen, found)
    if truth.heard is not None:
        wrong += _sound(truth, truth.heard, found)
    elif found.ears:
        wrong.append(f"sound where there is none: {sorted(found.ears)}")
    if facts:
        wrong += _presentation(truth, found)
        wrong += _decoded(truth, found)
        if found.refusal != truth.import_refused:
            wrong.append(f"import: {found.refusal or 'taken'}, not {truth.import_refused or 'taken'}")
    return wrong


def offsets(truth: Truth, found: Found) -> list[float]:
    """For each flash with a beep: how far the sound lies behind the picture beyond the true offset, seconds."""
    if truth.heard is None or truth.seen is None:
        return []
    heard = _beeps(found, truth.heard)
    flashes = np.array(found.flashes)
    expected = np.array(truth.seen.flashes)
    away = _hurt([*truth.seen.hurt, *truth.heard.deaf_spans])
    errors = []
    for beep in truth.heard.voices.get(beeps.MAIN, ()):
        flash = beep - truth.offset
        if not len(flashes) or not len(heard) or away(beep) or away(flash):
            continue
        if not np.any(np.abs(expected - flash) < 0.005):
            continue
        # The same event in picture and sound: the nearest of each to where it should be, .17 s at most (events are
        # .35 s apart at least); farther off, the picture or sound tests above say so.
        seen, sound = flashes[np.argmin(np.abs(flashes - flash))], heard[np.argmin(np.abs(heard - beep))]
        errors.append(float((sound - seen) - truth.offset))
    return errors


def _hurt(spans: Sequence[Span]) -> Any:
    return lambda time: any(begin - 0.15 <= time <= end + 0.15 for begin, end in spans)


def _beeps(found: Found, heard: HeardTruth) -> Any:
    """Beeps of the main voice, wherever they are heard."""
    ears = heard.ears.get(beeps.MAIN, tuple(found.ears))
    return _anywhere(found, [name for name in ears if name in found.ears], beeps.MAIN)


def _anywhere(found: Found, ears: Sequence[str], hertz: float) -> Any:
    """Beeps at any of these ears: a layout that changes in mid-file moves a voice from one to another."""
    times = sorted(time for name in ears for time in beeps.find(found.ears[name], hertz))
    return np.array([t for i, t in enumerate(times) if i == 0 or t - times[i - 1] > beeps.BEEP / 2])


def _pictures(truth: Truth, seen: SeenTruth, found: Found) -> list[str]:
    wrong = []
    if found.shapes != {(seen.width, seen.height)}:
        wrong.append(f"size {sorted(found.shapes)}, not {seen.width}x{seen.height}")
    times = [shot.time for shot in found.shots]
    if any(b <= a for a, b in pairwise(times)):
        wrong.append("picture times do not rise")
    away = _hurt(seen.hurt)
    expected = dict(zip(seen.counters, seen.times, strict=True))
    missing = set(expected) - {shot.counter for shot in found.shots if shot.counter is not None}
    sure = sorted(c for c in missing if not away(expected[c]))
    if sure:
        wrong.append(f"pictures missing: {_few(sure)}")
    if not seen.hurt and len(found.shots) != len(expected):
        wrong.append(f"{len(found.shots)} pictures, not {len(expected)}")
    if seen.hurt and len(found.shots) > len(expected):
        wrong.append(f"{len(found.shots)} pictures, more than {len(expected)}")
    if seen.hurt and len(expected) - len(found.shots) > seen.absent:
        wrong.append(f"{len(found.shots)} pictures, over {seen.absent} fewer than {len(expected)}")
    pairs = [(s.time, expected[s.counter]) for s in found.shots if s.counter in expected and not away(s.time)]
    strange = [s.time for s in found.shots if s.counter not in expected and not away(s.time)]
    if strange:
        wrong.append(f"pictures that are not in the file, at {_few(strange)}")
    if pairs:
        errors = np.array([a - b for a, b in pairs])
        middle = float(np.median(errors))
        if abs(middle) > truth.zero_tolerance:
            wrong.append(f"zero is {middle * 1000:+.1f} ms off")
        if np.abs(errors - middle).max() > seen.clock_tolerance:
            wrong.append(f"picture clock is up to {np.abs(errors - middle).max() * 1000:.1f} ms off")
    order = [s.counter for s in found.shots if s.counter is not None and not away(s.time)]
    rank = {counter: i for i, counter in enumerate(seen.counters)}
    ranks = [rank[c] for c in order if c in rank]
    if ranks != sorted(ranks):
        wrong.append("pictures out of order")
    return wrong


def _colours(seen: SeenTruth, found: Found) -> list[str]:
    wrong = []
    for name, colour in seen.colours.items():
        got = found.colours.get(name)
        off = max(abs(a - b) for a, b in zip(got, colour, strict=True)) if got is not None else 255.0
        if off > seen.colour_tolerance:
            shown = tuple(round(c) for c in got) if got else None
            wrong.append(f"colour {name}: {shown}, not {colour}")
    if seen.hdr and found.colours:
        wrong += tone_mapped(found.colours)
    return wrong


def tone_mapped(colours: dict[str, tuple[float, float, float]]) -> list[str]:
    """A plausible tone mapping: the ramp rises, neutral stays neutral, mid grey is mid, each hue is its own."""
    wrong = []
    ramp = [colours[f"ramp {i}"] for i in range(5)]
    levels = [sum(c) / 3 for c in ramp]
    if any(b - a < 8 for a, b in pairwise(levels)):
        wrong.append(f"hdr: the grey ramp does not rise: {[round(v) for v in levels]}")
    if max(max(c) - min(c) for c in ramp) > 10:
        wrong.append("hdr: grey is not neutral")
    if not 85 <= levels[2] <= 175:
        wrong.append(f"hdr: mid grey is {levels[2]:.0f}, not 85 to 175")
    if not levels[4] >= 170:
        wrong.append(f"hdr: near white is {levels[4]:.0f}, under 170")
    for name, order in {  # blue, green, red: which is largest, which channels stay clearly below
        "upper left": "r", "upper right": "g", "lower left": "b", "lower right": "gr",
    }.items():  # fmt: skip
        b, g, r = colours[name]
        value = {"b": b, "g": g, "r": r}
        high = min(value[k] for k in order)
        low = max(value[k] for k in "bgr" if k not in order)
        if high - low < 40:
            wrong.append(f"hdr: the hue {name} is lost: {round(b), round(g), round(r)}")
    return wrong


def _sound(truth: Truth, heard: HeardTruth, found: Found) -> list[str]:
    wrong = []
    if not found.ears:
        return [] if not any(heard.voices.values()) else ["nothing is heard"]
    away = _hurt(heard.deaf_spans)
    for hertz, times in heard.voices.items():
        near = {name: beeps.amplitude(sound, hertz) for name, sound in found.ears.items()}
        ears = heard.ears.get(hertz, tuple(near))
        best = max((name for name in ears if name in near), key=lambda name: near[name], default=None)
        if times and (best is None or near[best] < beeps.LEVEL * 10 ** (-VOICE_DB / 20)):
            wrong.append(f"the voice of {hertz:.0f} Hz is not heard at {ears}: {_levels(near)}")
            continue
        if best is None:
            continue
        got = _anywhere(found, [name for name in ears if name in found.ears], hertz)
        lost = [t for t in times if not away(t) and (not len(got) or np.abs(got - t).min() > 0.1)]
        if lost:
            wrong.append(f"beeps of {hertz:.0f} Hz missing at {_few(lost)}")
        # What is left of a beep that a cut went through is no beep of its own.
        begun = (heard.start or 0.0) + beeps.BEEP
        extra = [
            g
            for g in got
            if g > begun and not away(g) and (not times or np.abs(np.array(times) - g).min() > 0.1)
        ]
        if extra:
            wrong.append(f"beeps of {hertz:.0f} Hz too many at {_few(extra)}")
    for hertz, ear in heard.deaf:
        if ear in found.ears and beeps.amplitude(found.ears[ear], hertz) > beeps.LEVEL / 10:
            wrong.append(f"the voice of {hertz:.0f} Hz is heard at {ear}")
    errors = offsets(truth, found)
    if errors and max(abs(e) for e in errors) > truth.one_frame:
        worst = max(errors, key=abs)
        wrong.append(f"sound is {worst * 1000:+.0f} ms off the picture (bar {truth.one_frame * 1000:.0f})")
    if heard.loudness is not None and heard.start is not None and heard.end is not None:
        level = 10 * np.log10(found.energy() / (heard.end - heard.start) + 1e-12)
        if abs(level - heard.loudness) > 1.0:
            wrong.append(f"loudness {level:.1f} dBFS, not {heard.loudness:.1f}")
    return wrong


def _presentation(truth: Truth, found: Found) -> list[str]:
    facts = found.presentation
    if facts is None:
        return ["no presentation"]
    wrong: list[str] = []
    if truth.seen is not None:
        seen, video = truth.seen, facts.video
        step = truth.one_frame
        wrong += _same("picture track", video.number, seen.number)
        wrong += _same("display size", (video.width, video.height), (seen.width, seen.height))
        if seen.rotation is not None:
            wrong += _same("rotation", video.rotation, seen.rotation)
        if seen.aspect is not None:
            wrong += _same("aspect", video.aspect, seen.aspect)
        if seen.variable is not None:
            wrong += _same("variable", video.variable, seen.variable)
        if seen.frame_rate is not None and abs(float(video.frame_rate) / seen.frame_rate - 1) > 0.03:
            wrong.append(f"frame rate {float(video.frame_rate):.3f}, not {seen.frame_rate:.3f}")
        if not _hurt(seen.hurt)(seen.start):
            wrong += _near("picture start", video.start, seen.start, step / 2 + truth.zero_tolerance)
        if seen.end is not None:
            wrong += _near("picture end", video.end, seen.end, step / 2 + truth.zero_tolerance + 0.02)
        if not seen.hurt:
            wrong += _same("frames", video.frames, len(seen.counters))
        if seen.tagged is not None:
            wrong += _same("tagged", video.colour.tagged, seen.tagged)
        if seen.hdr is not None:
            wrong += _same("hdr", video.colour.hdr, seen.hdr)
    if truth.heard is None:
        if truth.seen is not None and facts.audio is not None:
            wrong.append(f"a sound track {facts.audio.number} where there is none")
    elif facts.audio is None:
        wrong.append("no sound track")
    else:
        heard, audio = truth.heard, facts.audio
        wrong += _same("sound track", audio.number, heard.number)
        if heard.start is not None:
            wrong += _near("sound start", audio.start, heard.start, heard.edge)
        if heard.end is not None:
            wrong += _near("sound end", audio.end, heard.end, heard.edge)
        for name in ("sample_rate", "channels", "layout"):
            if getattr(heard, name) is not None:
                wrong += _same(name, getattr(audio, name), getattr(heard, name))
    rivals = sorted((track.number, track.role) for track in facts.rivals)
    wrong += _same("rivals", rivals, sorted(truth.rivals))
    for number, role in truth.roles.items():
        if number < len(facts.tracks):
            wrong += _same(f"role of track {number}", facts.tracks[number].role, role)
    if len(facts.resets) != len(truth.resets) or any(
        abs(a - b) > 0.25 for a, b in zip(facts.resets, truth.resets, strict=False)
    ):
        wrong.append(f"resets {facts.resets}, not {truth.resets}")
    if truth.declared is not None:
        wrong += _near("declared", facts.declared, truth.declared, max(0.25, truth.declared * 0.01))
    return wrong


def _decoded(truth: Truth, found: Found) -> list[str]:
    out = found.decoded
    if out is None:
        return ["nothing is said about what came out"]
    wrong = _same("decoded pictures", out.pictures, len(found.shots))
    reported = [*out.undecodable, *out.damaged]
    if truth.seen is not None and truth.reported is not None:
        hurt = truth.seen.hurt
        away = [s for s in reported if not any(s[1] >= a - 0.3 and s[0] <= b + 0.3 for a, b in hurt)]
        if away:
            wrong.append(f"damage reported where there is none: {away[:3]}")
        if truth.reported:
            unsaid = [h for h in hurt if not any(s[1] >= h[0] - 0.3 and s[0] <= h[1] + 0.3 for s in reported)]
            if unsaid:
                wrong.append(f"damage is not reported: {unsaid[:3]}")
    if truth.heard is not None:
        heard = truth.heard
        if heard.gaps is not None:
            wrong += _spans("gaps", out.gaps, heard.gaps)
        if heard.overlaps is not None:
            wrong += _spans("overlaps", out.overlaps, heard.overlaps)
        if heard.layout_changes is not None:
            points = [(t, t) for t in out.layout_changes]
            wrong += _spans("layout changes", points, [(t, t) for t in heard.layout_changes])
    return wrong


def _spans(what: str, got: Sequence[Span], expected: Sequence[Span]) -> list[str]:
    """The same spans, each within SPAN_EDGE; those that touch are one."""
    got, expected = _joined(got), _joined(expected)
    same = len(got) == len(expected) and all(
        abs(a[0] - b[0]) <= SPAN_EDGE and abs(a[1] - b[1]) <= SPAN_EDGE
        for a, b in zip(got, expected, strict=True)
    )
    return [] if same else [f"{what}: {_rounded(got)}, not {_rounded(expected)}"]


def _joined(spans: Sequence[Span]) -> list[Span]:
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin != end and begin - joined[-1][1] < 0.03:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined


def _rounded(spans: Sequence[Span]) -> list[tuple[float, float]]:
    return [(round(float(a), 2), round(float(b), 2)) for a, b in spans[:4]]


def _same(what: str, got: Any, expected: Any) -> list[str]:
    return [] if got == expected else [f"{what}: {got}, not {expected}"]


def _near(what: str, got: Any, expected: float, tolerance: float) -> list[str]:
    if abs(float(got) - expected) <= tolerance:
        return []
    return [f"{what}: {float(got):.3f}, not {expected:.3f}"]


def _few(values: Sequence[float]) -> str:
    text = ", ".join(f"{v:g}" if isinstance(v, int) else f"{v:.2f}" for v in values[:5])
    return text + (f" … ({len(values)})" if len(values) > 5 else "")


def _levels(near: dict[str, float]) -> str:
    return ", ".join(f"{name} {value:.2f}" for name, value in near.items())
