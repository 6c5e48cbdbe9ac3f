"""The clock of a file: from a track's own ticks to seconds of the presentation. Runs in the confined child only.

Recordings that were joined (transport streams laid end to end) start their clock again in mid-file. Players go on
where the last part ended, for picture and sound alike; so does this clock. A clock that jumps once and comes back is
a damaged packet, not a reset.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from fractions import Fraction

from core.media.wire import Refused

BACK = Fraction(1, 2)  # seconds backwards, more than any codec reorders: the clock was reset
AHEAD = Fraction(10)  # seconds forwards in a transport stream: likewise (a longer pause is shown as one)
MOST_RESETS = 200  # more than anybody joins; each costs a look over all packets
KEPT = 6  # packets: a reset that does not last is a damaged packet
NONE = -(2**63)


@dataclass
class Ticks:
    """What one track's packets say of time, in file order. ``order`` counts the packets of all tracks."""

    base: Fraction
    pts: array[int] = field(default_factory=lambda: array("q"))
    dts: array[int] = field(default_factory=lambda: array("q"))
    length: array[int] = field(default_factory=lambda: array("q"))
    order: array[int] = field(default_factory=lambda: array("q"))
    shown: array[int] = field(default_factory=lambda: array("b"))  # 1: presented; 0: only decoded
    key: array[int] = field(default_factory=lambda: array("b"))
    headless: int = 0  # pictures before the first key picture
    primed: Fraction = Fraction(-(2**62))  # seconds before which the decoder throws its sound away (priming)

    def __len__(self) -> int:
        return len(self.pts)

    def moment(self, number: int) -> int:
        """Ticks at which packet ``number`` is placed: when it is decoded, or else presented."""
        return self.dts[number] if self.dts[number] != NONE else self.pts[number]


@dataclass
class Clock:
    """One track's clock. ``shifts`` are seconds that are added in each epoch, ``floors`` its least ticks."""

    base: Fraction
    shifts: list[Fraction] = field(default_factory=lambda: [Fraction(0)])
    floors: list[int] = field(default_factory=lambda: [NONE])
    breaks: list[int] = field(default_factory=list)  # numbers of the packets that begin a later epoch
    leaps: bool = False
    _epoch: int = 0
    _last: int | None = None

    def at(self, ticks: int) -> Fraction:
        """Seconds of the presentation for the next frame's ticks. Call in order: it follows the resets."""
        if self._last is not None and self._epoch + 1 < len(self.shifts):
            jump = (ticks - self._last) * self.base
            if jump < -BACK or (self.leaps and jump > AHEAD and ticks >= self.floors[self._epoch + 1]):
                self._epoch += 1
        self._last = ticks
        return ticks * self.base + self.shifts[self._epoch]


def clocks(tracks: dict[int, Ticks], *, leaps: bool) -> tuple[dict[int, Clock], list[Fraction]]:
    """(the clock of each track before any zero is taken off, the seconds at which resets fall)."""
    found = {
        index: Clock(ticks.base, breaks=_breaks(ticks, leaps), leaps=leaps) for index, ticks in tracks.items()
    }
    if any(len(clock.breaks) > MOST_RESETS for clock in found.values()):
        raise Refused("damaged")
    resets: list[Fraction] = []
    for epoch in range(1, 1 + max((len(clock.breaks) for clock in found.values()), default=0)):
        joining = {i: clock.breaks[epoch - 1] for i, clock in found.items() if len(clock.breaks) >= epoch}
        first = min(tracks[i].order[number] for i, number in joining.items())
        end = max((_end(tracks[i], found[i], first) for i in tracks), default=Fraction(0))
        start = min(_start(tracks[i], found[i], epoch) for i in joining)
        for i in joining:
            found[i].shifts.append(end - start)
            found[i].floors.append(_floor(tracks[i], found[i], epoch))
        resets.append(end)
    return found, resets


def _breaks(ticks: Ticks, leaps: bool) -> list[int]:
    """Numbers of the packets at which the clock starts again, and stays there."""
    back = int(BACK / ticks.base)
    ahead = int(AHEAD / ticks.base) if leaps else None
    found: list[int] = []
    most: int | None = None
    for number in range(len(ticks)):
        moment = ticks.moment(number)
        if moment == NONE:
            continue
        if most is None:
            most = moment
            continue
        behind = moment < most - back
        beyond = ahead is not None and moment > most + ahead
        if behind or beyond:
            following = [ticks.moment(n) for n in range(number + 1, min(number + 1 + KEPT, len(ticks)))]
            if all(m == NONE or abs(m - moment) <= abs(m - most) for m in following):
                found.append(number)
                most = moment
            continue
        most = max(most, moment)
    return found


def _shown(ticks: Ticks, clock: Clock, epoch: int, before: int | None = None) -> list[int]:
    """Numbers of the presented packets of an epoch, those before ``before`` in file order."""
    starts = [0, *clock.breaks, len(ticks)]
    return [
        n
        for n in range(starts[epoch], starts[epoch + 1])
        if ticks.shown[n] and ticks.pts[n] != NONE and (before is None or ticks.order[n] < before)
    ]


def _floor(ticks: Ticks, clock: Clock, epoch: int) -> int:
    return min((ticks.pts[n] for n in _shown(ticks, clock, epoch)), default=0)


def _start(ticks: Ticks, clock: Clock, epoch: int) -> Fraction:
    return _floor(ticks, clock, epoch) * ticks.base


def _end(ticks: Ticks, clock: Clock, before: int) -> Fraction:
    """Where the track's packets before ``before`` (file order) end, on the joined axis."""
    ends = [
        max(ticks.pts[n] + ticks.length[n] for n in numbers) * ticks.base + shift
        for epoch, shift in enumerate(clock.shifts)
        if (numbers := _shown(ticks, clock, epoch, before))
    ]
    return max(ends, default=Fraction(0))
