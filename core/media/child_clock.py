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

BACK = Fraction(1, 2)  # seconds, more than any codec reorders: a jump; backwards, the clock was reset
AHEAD = Fraction(10)  # seconds forwards in every track of a transport stream: joined recordings too
MOST_RESETS = 200  # more than anybody joins; each costs a look over all packets
KEPT = 4  # packets: a jump that does not last so long is a damaged packet
WILD = 2  # in ``Ticks.shown``: a packet whose time is damaged
NONE = -(2**63)


@dataclass
class Ticks:
    """What one track's packets say of time, in file order. ``order`` counts the packets of all tracks."""

    base: Fraction
    pts: array[int] = field(default_factory=lambda: array("q"))
    dts: array[int] = field(default_factory=lambda: array("q"))
    length: array[int] = field(default_factory=lambda: array("q"))
    order: array[int] = field(default_factory=lambda: array("q"))
    shown: array[int] = field(default_factory=lambda: array("b"))  # 1: presented; 0: only decoded; WILD
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
    wild: frozenset[int] = frozenset()  # ticks that are damaged
    _epoch: int = 0
    _last: int | None = None

    def at(self, ticks: int) -> Fraction | None:
        """Seconds of the presentation for the next frame's ticks; None for a damaged time. Call in order: it follows
        the resets."""
        if ticks in self.wild:
            return None
        if self._last is not None and self._epoch + 1 < len(self.shifts):
            jump = (ticks - self._last) * self.base
            if jump < -BACK or (self.leaps and jump > AHEAD and ticks >= self.floors[self._epoch + 1]):
                self._epoch += 1
        self._last = ticks
        return ticks * self.base + self.shifts[self._epoch]


def clocks(tracks: dict[int, Ticks], *, leaps: bool) -> tuple[dict[int, Clock], list[Fraction]]:
    """(the clock of each track before any zero is taken off, the seconds at which resets fall).

    Packets with a wild time are marked as not presented: their pictures follow the ones before.
    """
    jumps = {index: _jumps(ticks) for index, ticks in tracks.items()}
    ahead = {index: [n for n, kind in found if kind == "ahead"] for index, found in jumps.items()}
    # Recordings that are joined leap in every track. A pause in one of them is a pause.
    joined = leaps and len({len(found) for found in ahead.values()}) == 1
    found = {
        index: Clock(
            ticks.base,
            breaks=[n for n, kind in jumps[index] if kind == "back" or joined],
            leaps=joined,
            wild=frozenset(ticks.pts[n] for n in range(len(ticks)) if ticks.shown[n] == WILD),
        )
        for index, ticks in tracks.items()
    }
    if any(len(clock.breaks) > MOST_RESETS for clock in found.values()):
        raise Refused("resets")
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


def _jumps(ticks: Ticks) -> list[tuple[int, str]]:
    """(number of the packet, "back" or "ahead") where the clock jumps and stays there."""
    back, ahead = int(BACK / ticks.base), int(AHEAD / ticks.base)
    found: list[tuple[int, str]] = []
    most: int | None = None
    for number in range(len(ticks)):
        moment = ticks.moment(number)
        if moment == NONE:
            continue
        if ticks.pts[number] != NONE and abs(ticks.pts[number] - moment) > ahead:
            ticks.shown[number] = WILD  # presented long before or after it is decoded: no codec does that
        elif most is None or -back <= moment - most <= back:
            most = moment if most is None else max(most, moment)
        elif _stays(ticks, number, moment - most):
            if moment < most:
                found.append((number, "back"))
            elif moment > most + ahead:
                found.append((number, "ahead"))
            most = moment
        else:
            ticks.shown[number] = WILD
    return found


def _stays(ticks: Ticks, number: int, jump: int) -> bool:
    """Whether the packets after a jump go on from it; one that is followed by the way back is damage. The last packets
    of a file are believed."""
    last = ticks.moment(number)
    for following in range(number + 1, min(number + 1 + KEPT, len(ticks))):
        moment = ticks.moment(following)
        if moment == NONE:
            continue
        if (moment - last) * (1 if jump < 0 else -1) > abs(jump) // 2:
            return False
        last = moment
    return True


def _shown(ticks: Ticks, clock: Clock, epoch: int, before: int | None = None) -> list[int]:
    """Numbers of the presented packets of an epoch, those before ``before`` in file order."""
    starts = [0, *clock.breaks, len(ticks)]
    return [
        n
        for n in range(starts[epoch], starts[epoch + 1])
        if ticks.shown[n] == 1 and ticks.pts[n] != NONE and (before is None or ticks.order[n] < before)
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
