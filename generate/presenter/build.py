"""Make the sample presenter's clip again: ``python -m generate.presenter.build --out sample.mp4``.

Needs GREENROOM_TEST_MEDIA (the generated faces named by digest in sources.json) and, once, the upscaler's
weights. The same inputs on the same builds give the same pictures.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.errors import InputError
from core.media.encode import VideoWriter
from generate.models import Speech
from generate.presenter.articulation import movements
from generate.presenter.figure import Figure
from generate.presenter.motion import poses
from generate.presenter.portrait import load_sources, make_figure
from generate.presenter.rig import Rig
from generate.presenter.studio import HEIGHT, WIDTH
from generate.voice import HibariVoice

HERE = Path(__file__).parent
FPS = 25
SEED = 5
LEAD_SECONDS, TAIL_SECONDS = 0.4, 0.6  # still lips before the first and after the last word
CRF = 22
# Lips are on their way before their sound: real clips, measured by the lip-audio sync network, lead a mouth that
# follows the phone times exactly by one to two frames.
LIPS_LEAD_SECONDS = 0.05


def speak() -> Speech:
    """The script in the stock voice, with a breath of silence around it."""
    from core.perception.models import Phone, Word

    said = HibariVoice().speak((HERE / "script.txt").read_text(encoding="utf-8").strip())
    lead, tail = round(LEAD_SECONDS * said.rate), round(TAIL_SECONDS * said.rate)
    samples = np.pad(said.samples, (lead, tail))
    shift = lead / said.rate
    phones = [Phone(p.symbol, p.t0 + shift, p.t1 + shift) for p in said.phones]
    phones[0] = Phone(phones[0].symbol, 0.0, phones[0].t1) if phones[0].symbol == "SIL" else phones[0]
    phones[-1] = Phone(phones[-1].symbol, phones[-1].t0, len(samples) / said.rate)
    words = tuple(Word(w.text, w.t0 + shift, w.t1 + shift, w.probability) for w in said.words)
    return Speech(samples, said.rate, tuple(phones), said.text, words, said.voice)


def save_speech(speech: Speech, path: Path) -> None:
    """Text, phones and words with times rounded to a millisecond."""
    record = {
        "text": speech.text,
        "voice": speech.voice,
        "phones": [[p.symbol, round(p.t0, 3), round(p.t1, 3)] for p in speech.phones],
        "words": [[w.text, round(w.t0, 3), round(w.t1, 3)] for w in speech.words],
    }
    path.write_text(json.dumps(record, ensure_ascii=False, indent=None) + "\n", encoding="utf-8")


def pictures(figure: Figure, speech: Speech, only: list[int] | None = None) -> Iterator[NDArray[np.uint8]]:
    """Every frame of the clip, or those of ``only``."""
    count = int(np.ceil(speech.seconds * FPS))
    times = (np.arange(count) + 0.5) / FPS  # the middle of each frame's showing
    mouths = movements(speech.phones, times + LIPS_LEAD_SECONDS)
    hop = round(0.2 * speech.rate)
    window = np.hanning(2 * hop)
    energy = np.convolve(np.abs(speech.samples), window / window.sum(), mode="same")
    loudness = np.interp(times, np.arange(len(energy)) / speech.rate, energy / energy.max())
    pauses = [p.t0 + 0.05 for p in speech.phones if p.symbol == "SIL" and p.t1 - p.t0 > 0.12]
    moves = poses(times, loudness, pauses, SEED)
    rig = Rig(figure, SEED)
    for index in range(count) if only is None else only:
        yield rig.render(mouths[index], moves[index], index)


def build(out: Path, figure: Figure, speech: Speech) -> None:
    """Render and encode the clip."""
    with VideoWriter(
        out, WIDTH, HEIGHT, Fraction(FPS), speech.rate, crf=CRF, preset="medium", threads=1
    ) as writer:
        for index, picture in enumerate(pictures(figure, speech)):
            writer.write(picture)
            start, stop = (round(n * speech.rate / FPS) for n in (index, index + 1))
            sound = speech.samples[start:stop]
            writer.write_sound(np.pad(sound, (0, stop - start - len(sound))).astype(np.float32))
            if index % 50 == 0:
                print(f"frame {index}", file=sys.stderr)  # noqa: T201


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "sample.mp4")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "greenroom-presenter")
    parser.add_argument("--frames", help="only these frames, as PNG files next to OUT: 0,10,20")
    arguments = parser.parse_args()
    media = os.environ.get("GREENROOM_TEST_MEDIA")
    if not media:
        raise InputError(
            "the presenter cannot be built without its source pictures",
            where="GREENROOM_TEST_MEDIA",
            next_step="set it to the folder that holds faces/; the finished clip is committed anyway",
        )
    speech = speak()
    figure = make_figure(load_sources(Path(media)), arguments.cache)
    if arguments.frames:
        wanted = [int(index) for index in arguments.frames.split(",")]
        for index, picture in zip(wanted, pictures(figure, speech, wanted), strict=True):
            cv2.imwrite(str(arguments.out.with_name(f"frame-{index:04d}.png")), picture)
        return
    save_speech(speech, HERE / "speech.json")
    build(arguments.out, figure, speech)


if __name__ == "__main__":
    main()
