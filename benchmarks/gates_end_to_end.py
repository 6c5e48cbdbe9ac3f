"""The headline: of clean renders, how many pass every gate; of renders with a planted defect, how many are flagged.

Renders are made by the real engine from the sample presenter, labelled and marked (trust steps 4-7), then
decoded and encoded once more, clean ones as well as spoilt ones (``benchmarks.defects``), then examined by
every gate of the standard set with a real brief (trust step 8). Flagged is any verdict but pass. Scripts are
those of the test split of ``benchmarks.render_scripts``; thresholds were set on the calibration split
(``--split calibration`` prints its scores).

By default 12 clean and 2 of each kind; ``FULL=1``: 200 clean, 200 spoilt (20 or so of each kind). What is done
is kept in the benchmark cache, keyed by the code, so that an interrupted run goes on where it stopped.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import defects
from benchmarks.harness import cache_folder, finish, full, inputs_digest, media, wilson
from benchmarks.render_scripts import other_script, script, seed_of

GOAL = {"clean_unflagged": ">= 0.95", "defects_flagged": ">= 0.98"}
ROOT = Path(__file__).parent.parent
MARK_KEY = hashlib.sha256(b"greenroom benchmark mark").digest()
LABEL = "eu"
# The gates that a kind is aimed at; "flagged_as" counts those, "flagged" any gate.
AIMED = {
    **dict.fromkeys(defects.PICTURE, ("artifact_quality", "technical", "one_face")),
    "identity_swap": ("artifact_quality", "face_identity"),
    "shifted_sound": ("lip_sync",),
    "replaced_word": ("transcript",),
    "missing_label": ("label",),
    "broken_mark": ("mark",),
}
KINDS = tuple(kind for kind in defects.KINDS if kind != "warped_jaw")  # the architecture's list


@dataclass(frozen=True)
class Item:
    """One file to examine: test script ``index``, spoilt by ``kind`` (None: clean) with ``seed``."""

    split: str
    index: int
    kind: str | None
    seed: int

    @property
    def name(self) -> str:
        return f"{self.split}_{self.index:03d}_{self.kind or 'clean'}_{self.seed}"


def items(split: str, clean: int, each: int) -> Iterator[Item]:
    """Clean ones and spoilt ones take turns, so that a run that is cut short has seen both."""
    spoilt = [(kind, repeat) for repeat in range(each) for kind in KINDS]
    if media() is None:
        spoilt = [
            (kind, repeat) for kind, repeat in spoilt if kind != "identity_swap"
        ]  # it needs another face
    for number in range(max(clean, len(spoilt))):
        if number < clean:
            yield Item(split, number, None, 0)
        if number < len(spoilt):
            kind, repeat = spoilt[number]
            index = (number * 5 + repeat) % max(clean, 1)
            yield Item(split, index, kind, seed_of(split, kind, repeat) % 10**6)


class Studio:
    """The presenter, the voice, the engine: prepared once."""

    def __init__(self, folder: Path) -> None:
        from core.labels import load_label_profile
        from generate.lipsync import load_lipsync
        from generate.presenter import sample_presenter
        from generate.voice import load_voice

        self.folder = folder
        self.label = load_label_profile(LABEL)
        self.lipsync, self.voice = load_lipsync(), load_voice()
        self.prepared = self.lipsync.prepare(sample_presenter(), folder / "prepared")

    def render(self, text: str, name: str, *, marked: bool = True) -> Path:
        """A finished render of a text (trust steps 4-7), from the cache if it is there."""
        from generate.service import make_candidate
        from provenance.mark import MarkEmbedder

        out = self.folder / "renders" / f"{name}{'' if marked else '_unmarked'}.mp4"
        if out.exists():
            return out
        out.parent.mkdir(exist_ok=True)
        embed = MarkEmbedder(mark_id(text), self.prepared.width, self.prepared.height, MARK_KEY)
        make_candidate(
            self.prepared,
            self.voice.speak(text),
            label_profile=self.label,
            mark=embed if marked else lambda _, image: image,
            out=out,
            lipsync=self.lipsync,
        )
        return out

    def file(self, item: Item) -> tuple[Path, defects.Planted | None]:
        """The file to examine, with what was planted."""
        text = script(item.split, item.index)
        folder = self.folder / "spoilt"
        folder.mkdir(exist_ok=True)
        out, note = folder / f"{item.name}.mp4", folder / f"{item.name}.json"
        if out.exists() and note.exists():
            stored = json.loads(note.read_text())
            return out, defects.Planted(**stored) if stored else None
        kind = item.kind
        planted: defects.Planted | None
        if kind == "replaced_word":
            # Another script's render under this one's brief; its mark is this one's, or the mark alone would tell.
            source = self.render_as(other_script(item.index), mark_id(text), f"{item.name}_source")
            defects.spoil(source, out, None, item.seed)
            planted = defects.Planted(kind, None, None, 1.0, other_script(item.index))
        elif kind == "broken_mark":
            source = self.render(text, f"{item.split}_{item.index:03d}", marked=False)
            defects.spoil(source, out, None, item.seed)
            planted = defects.Planted(kind, None, None, 1.0, "never marked")
        else:
            source = self.render(text, f"{item.split}_{item.index:03d}")
            donor = _donor(item.seed) if kind == "identity_swap" else None
            planted = defects.spoil(source, out, kind, item.seed, donor=donor, label=self.label)
        note.write_text(json.dumps(asdict(planted) if planted else None))
        return out, planted

    def render_as(self, text: str, mark: int, name: str) -> Path:
        from generate.service import make_candidate
        from provenance.mark import MarkEmbedder

        out = self.folder / "renders" / f"{name}.mp4"
        if not out.exists():
            out.parent.mkdir(exist_ok=True)
            embed = MarkEmbedder(mark, self.prepared.width, self.prepared.height, MARK_KEY)
            make_candidate(
                self.prepared,
                self.voice.speak(text),
                label_profile=self.label,
                mark=embed,
                out=out,
                lipsync=self.lipsync,
            )
        return out


def mark_id(text: str) -> int:
    """A mark id from a script: not 0, below 2^40."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:5], "big") | 1


def _donor(seed: int) -> Any:
    folder = media()
    assert folder is not None
    faces = sorted((folder / "faces" / "interfacegan_celebahq").glob("*.jpg"))
    return defects.load_donor(faces[seed % len(faces)])


@lru_cache(maxsize=1)
def persona(folder: Path) -> Any:
    """What onboarding keeps of the presenter: faces of the reference clip, and the voice speaking something else."""
    from core.media.decode import frames
    from core.models import PersonaMaterial
    from core.perception.embed import face_embedding, voice_embedding
    from core.perception.watch import FaceTracker
    from generate.presenter import sample_presenter
    from generate.voice import load_voice

    stored = folder / "persona.npz"
    if not stored.exists():
        faces, clip = [], sample_presenter()
        with FaceTracker() as tracker:
            for frame in frames(clip):
                face = tracker.track(frame.image, float(frame.time))
                if face is not None and frame.index % 50 == 0:
                    faces.append(face_embedding(frame.image, face.landmarks))
        voices = []
        for index in range(3):
            speech = load_voice().speak(script("calibration", 50 + index))
            voices.append(voice_embedding(_at_16k(speech.samples, speech.rate)))
        np.savez(stored, faces=np.array(faces), voices=np.array(voices))
    with np.load(stored) as arrays:
        return PersonaMaterial(faces=arrays["faces"], voices=arrays["voices"])


def _at_16k(samples: Any, rate: int) -> Any:
    from scipy.signal import resample_poly

    common = np.gcd(16000, rate)
    return resample_poly(samples, 16000 // common, rate // common).astype(np.float32)


def examine_item(studio: Studio, item: Item) -> dict[str, Any]:
    """Make the file, examine it, and tell: verdict, which gates spoke, scores."""
    from core.gates import load_gate_set
    from core.models import Brief
    from detect.service import examine
    from provenance.mark import MarkReader

    path, planted = studio.file(item)
    text = script(item.split, item.index)
    brief = Brief(
        script=text,
        language="en",
        persona=persona(studio.folder),
        label_profile=LABEL,
        mark_id=mark_id(text),
    )
    seen = examine(
        path,
        brief=brief,
        gate_set=load_gate_set(),
        mark_reader=MarkReader(MARK_KEY, expected_id=mark_id(text)),
    )
    informational = {name for name, gate in load_gate_set().gates.items() if gate.informational}
    spoke = [
        d.result.gate for d in seen.decisions if d.verdict != "pass" and d.result.gate not in informational
    ]
    return {
        "name": item.name,
        "kind": item.kind,
        "flagged": str(seen.verdict) != "pass",
        "gates": spoke,
        "codes": sorted({finding.code for finding in seen.findings() if finding.severity != "note"}),
        "scores": {d.result.gate: d.result.score for d in seen.decisions},
        "abstained": {d.result.gate: d.result.reason for d in seen.decisions if d.result.abstained},
        "planted": asdict(planted) if planted else None,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Digest of all that decides what a file looks like or what the gates say of it."""
    digest = hashlib.sha256()
    listed = subprocess.run(
        ["git", "ls-files", "core", "detect", "generate", "provenance/mark", "benchmarks/defects.py"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    for name in sorted(listed):
        if (ROOT / name).is_file() and not name.endswith(".md"):
            digest.update(name.encode() + (ROOT / name).read_bytes())
    return digest.hexdigest()[:16]


def run(split: str = "test", clean: int | None = None, each: int | None = None) -> dict[str, Any]:
    """The document without its framing. ``each``: spoilt files a kind."""
    clean = clean if clean is not None else 200 if full() else 12
    each = each if each is not None else -(-200 // len(KINDS)) if full() else 2
    if split == "test":
        clean = min(clean, 240)
    folder = cache_folder(f"gates_end_to_end/{code_digest()}")
    studio: Studio | None = None
    done = []
    for item in items(split, clean, each):
        stored = folder / "decisions" / f"{item.name}.json"
        stored.parent.mkdir(exist_ok=True)
        if not stored.exists():
            studio = studio or Studio(folder)
            stored.write_text(json.dumps(examine_item(studio, item)))
        answer = json.loads(stored.read_text())
        done.append(answer)
        print(
            f"{answer['name']}: {'flagged' if answer['flagged'] else 'pass'} {answer['gates']} {answer['codes']}",
            file=sys.stderr,
            flush=True,
        )
    return summary(done, folder)


def summary(done: list[dict[str, Any]], folder: Path) -> dict[str, Any]:
    """Rates with Wilson intervals, by kind too."""
    cleans = [d for d in done if d["kind"] is None]
    spoilt = [d for d in done if d["kind"] is not None]
    passed, caught = sum(not d["flagged"] for d in cleans), sum(d["flagged"] for d in spoilt)
    by_defect = {}
    for kind in KINDS:
        rows = [d for d in spoilt if d["kind"] == kind]
        hits = sum(d["flagged"] for d in rows)
        aimed = sum(bool(set(d["gates"]) & set(AIMED[kind])) for d in rows)
        by_defect[kind] = {
            "flagged": hits,
            "flagged_by_aimed_gate": aimed,
            "n": len(rows),
            "interval": wilson(hits, len(rows)),
        }
    alarms: dict[str, int] = {}
    for d in cleans:
        for gate in d["gates"]:
            alarms[gate] = alarms.get(gate, 0) + 1
    renders = sorted((folder / "spoilt").glob("*.mp4"))
    return {
        "clean_unflagged": round(passed / max(len(cleans), 1), 4),
        "defects_flagged": round(caught / max(len(spoilt), 1), 4),
        "by_defect": by_defect,
        "false_alarms_by_gate": alarms,
        "n": {"clean": len(cleans), "defects": len(spoilt)},
        "interval": {
            "clean_unflagged": wilson(passed, len(cleans)),
            "defects_flagged": wilson(caught, len(spoilt)),
        },
        "subject": "the sample presenter; scripts and seeds of the test split, same presenter as in calibration",
        "inputs_sha256": inputs_digest(renders),
    }


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--split", choices=("test", "calibration"), default="test")
    parser.add_argument("--clean", type=int)
    parser.add_argument("--each", type=int)
    arguments = parser.parse_args()
    finish(run(arguments.split, arguments.clean, arguments.each), GOAL)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
