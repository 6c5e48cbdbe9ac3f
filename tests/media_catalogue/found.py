"""What a reader got out of a file, reduced to what the truth is about; and the product's reader, reduced so."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from core.errors import MediaError
from core.media.heard import RATE, Heard
from core.media.models import Decoded, Presentation
from tests.media_catalogue import card


@dataclass
class Shot:
    """One picture that came out: its time, its counter (None: not readable) and whether it flashes."""

    time: float
    counter: int | None
    flash: bool


@dataclass
class Found:
    """One reading of one file. ``error`` is the code of the refusal, ``refusal`` that of an import."""

    error: str = ""
    refusal: str = ""
    presentation: Presentation | None = None
    shots: list[Shot] = field(default_factory=list)
    shapes: set[tuple[int, int]] = field(default_factory=set)  # (width, height)
    colours: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    samples: list[dict[str, tuple[float, float, float]]] = field(default_factory=list)
    ears: dict[str, Any] = field(default_factory=dict)
    main: str = ""
    decoded: Decoded | None = None

    def see(self, time: float, image: card.Image) -> None:
        """One picture, BGR as it is shown."""
        height, width = image.shape[:2]
        self.shapes.add((width, height))
        counter = card.read_counter(image)
        self.shots.append(Shot(time, counter, card.is_flash(image)))
        if counter is not None and len(self.shots) % 10 == 1:
            self.samples.append(card.read_colours(image))

    def hear(self, heard: Heard | None) -> None:
        """Every ear, as an array."""
        ears = heard.ears if heard is not None else ()
        self.ears = {ear.name: np.asarray(ear[0 : len(ear)]) for ear in ears}
        self.main = ears[0].name if ears else ""

    def close(self) -> None:
        """The colours are the median of the pictures that were sampled."""
        if self.samples:
            for name in card.POINTS:
                middle = np.median([sample[name] for sample in self.samples], axis=0)
                self.colours[name] = (float(middle[0]), float(middle[1]), float(middle[2]))

    @property
    def flashes(self) -> list[float]:
        """Seconds at which a flash begins."""
        marks = [False, *(shot.flash for shot in self.shots)]
        return [
            shot.time for shot, before in zip(self.shots, marks, strict=False) if shot.flash and not before
        ]

    def energy(self) -> float:
        """Of the loudest ear: the sum of squares in seconds."""
        return max(
            (float(np.square(e, dtype=np.float64).sum()) / RATE for e in self.ears.values()), default=0.0
        )


def product(path: Path) -> Found:
    """The file as the product reads it."""
    from core.media.probe import probe, refuse_rivals  # type: ignore[attr-defined,unused-ignore]
    from core.media.reading import read  # type: ignore[import-not-found,unused-ignore]

    found = Found()
    try:
        found.presentation = probe(path)
        with read(path) as reading:
            if reading.presentation != found.presentation:
                found.error = "probe and reading disagree"
                return found
            for frame in reading.pictures():
                found.see(float(frame.time), frame.image)
            found.hear(reading.heard)
            found.decoded = reading.decoded
    except MediaError as error:
        found.error = error.code
        return found
    try:
        refuse_rivals(found.presentation, path)
    except MediaError as error:
        found.refusal = error.code
    found.close()
    return found
