"""Train the sync network on real speech: ``python -m detect.training.sync --media DIR --cache DIR --out DIR``.

Only clips of real people speaking with their own sound. Their offsets are not known (broadcast clips carry some), so
they are estimated by folds that have not seen the speaker, before the network is trained on them. A quarter of the
speakers is held back for the figures in the card and never trained or tuned on.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file

from core.canonical import digest_file
from core.media.decode import sound
from core.perception.record import LandmarkRecorder
from core.perception.watch import watch
from detect.sync.features import MIRROR, RECORDED, lip_features, mel_features, voiced
from detect.sync.gate import clearness, confidence_features
from detect.sync.model import SEARCH, SyncNetwork, similarities

WINDOW = 50  # frames
BATCH = 24
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Clip:
    """One clip's features; ``offset`` is how many frames its sound comes after its lips, as estimated."""

    sha256: str
    speaker: str
    lips: Floats  # (n, FEATURES)
    valid: NDArray[np.bool_]
    mels: Floats  # (4n, MELS)
    loud: NDArray[np.bool_]
    offset: int = 0
    trusted: bool = True


def held_back(speaker: str) -> bool:
    """A quarter of the speakers, by a hash of their opaque id: fixed before anything was trained."""
    return int(hashlib.sha256(f"sync:{speaker}".encode()).hexdigest(), 16) % 4 == 0


def load_clips(media: Path, cache: Path) -> list[Clip]:
    """Features of every real clip with sound. Face tracks and sounds are cached by the file's digest."""
    clips = []
    with (media / "manifest.csv").open(encoding="utf-8") as file:
        # The dubs are the same faces under other ids (dlib distance 0): they would leak over the split.
        rows = [row for row in csv.DictReader(file) if row["label"] == "real" and row["audio"] == "yes"]
    taken: dict[str, int] = {}
    for row in rows:
        if row["file"].startswith("real-offset") or taken.get(row["speaker"], 0) >= 12:
            continue  # one speaker has sixty clips: weight by speaker
        taken[row["speaker"]] = taken.get(row["speaker"], 0) + 1
        clip = load_clip(media / row["file"], row["speaker"], cache)
        if clip is not None:
            clips.append(clip)
        print(f"\r{len(clips)} clips", end="", file=sys.stderr)
    print(file=sys.stderr)
    return clips


def load_clip(path: Path, speaker: str, cache: Path) -> Clip | None:
    """None for a clip with hardly a face or a word."""
    digest = digest_file(path)
    track_file, sound_file = cache / "lips" / f"{digest}.npz", cache / "sound" / f"{digest}.npy"
    if not track_file.exists():
        track_file.parent.mkdir(parents=True, exist_ok=True)
        recorder = LandmarkRecorder(RECORDED, axes=2)
        watch(path, [recorder])
        recorder.save(track_file)
    if not sound_file.exists():
        sound_file.parent.mkdir(parents=True, exist_ok=True)
        np.save(sound_file, sound(path))
    samples = np.load(sound_file).astype(np.float32)
    seen, valid = lip_features(LandmarkRecorder.load(track_file))
    heard = mel_features(samples)
    count = min(len(seen), len(heard) // 4)
    lips, mels = seen[:count], heard[: 4 * count]
    loud = voiced(samples, count)
    if count < 20 or (valid[:count] & loud).mean() < 0.3:
        return None
    return Clip(digest, speaker, lips, valid[:count], mels, loud)


def train(clips: list[Clip], steps: int, seed: int) -> SyncNetwork:
    """A network from the clips whose offset is trusted."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    usable = [clip for clip in clips if clip.trusted]
    speakers = sorted({clip.speaker for clip in usable})
    by_speaker = {name: [clip for clip in usable if clip.speaker == name] for name in speakers}
    # Longer speakers are drawn more often, by the square root of their seconds.
    weight = np.sqrt([sum(len(clip.lips) for clip in by_speaker[name]) for name in speakers])
    network = SyncNetwork().train()
    log_scale = torch.nn.Parameter(torch.tensor(2.5))
    optimizer = torch.optim.AdamW([*network.parameters(), log_scale], lr=2e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    began = time.monotonic()
    for step in range(steps):
        drawn = rng.choice(len(speakers), size=BATCH, p=weight / weight.sum(), replace=len(speakers) < BATCH)
        pairs = [_window(by_speaker[speakers[i]], usable, rng) for i in drawn]
        lips = torch.from_numpy(np.stack([pair[0] for pair in pairs])).transpose(1, 2)
        mels = torch.from_numpy(np.stack([pair[1] for pair in pairs])).transpose(1, 2)
        seen, heard = network(lips, mels)
        scale = log_scale.exp().clamp(max=60)
        within = similarities(seen, heard)[..., SEARCH:-SEARCH].mean(dim=2)
        across = torch.einsum("bdt,cdt->bc", seen, heard) / seen.shape[-1]
        target = torch.full((BATCH,), SEARCH)
        loss = torch.nn.functional.cross_entropy(scale * within, target, label_smoothing=0.05)
        loss = loss + 0.5 * torch.nn.functional.cross_entropy(scale * across, torch.arange(BATCH))
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            print(f"  step {step} loss {loss.item():.3f} {time.monotonic() - began:.0f} s", file=sys.stderr)
    return network.eval()


def _window(own: list[Clip], others: list[Clip], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """A window of lips with its sound in step, disturbed as the world disturbs it."""
    clip = own[rng.integers(len(own))]
    length = len(clip.lips)
    start = int(rng.integers(0, max(1, length - WINDOW + 1)))
    lips = _cut(clip.lips, start, WINDOW)
    mels = _cut(clip.mels, 4 * (start + clip.offset) + int(rng.integers(-1, 2)), 4 * WINDOW)
    lips = _other_face(lips, rng) + rng.normal(0, rng.choice([0.02, 0.08, 0.2]), lips.shape)
    if rng.random() < 0.5:  # babble: another speaker under this one, in the log domain
        other = others[rng.integers(len(others))].mels
        under = _cut(other, int(rng.integers(0, max(1, len(other) - 4 * WINDOW))), 4 * WINDOW)
        mels = np.logaddexp(2 * mels, 2 * (under - rng.uniform(0.0, 2.5))) / 2
    mels = mels * rng.uniform(0.8, 1.2) + rng.normal(0, 0.3, mels.shape[1]) * rng.random()
    mels = mels + rng.normal(0, rng.choice([0.05, 0.25]), mels.shape)
    if rng.random() < 0.2:  # a telephone hears a part of the bands
        mels[:, : rng.integers(1, 8)] = 0
        mels[:, -rng.integers(1, 14) :] = 0
    return lips.astype(np.float32), mels.astype(np.float32)


def _other_face(lips: Floats, rng: np.random.Generator) -> Floats:
    """The same speech on another face: mirrored, wider or taller, a little sheared."""
    points = lips.reshape(len(lips), -1, 2)
    if rng.random() < 0.5:
        points = points[:, MIRROR] * np.array([-1, 1], np.float32)
    width, height = rng.uniform(0.5, 1.6, 2)
    shear = rng.normal(0, 0.15, 2)
    matrix = np.array([[width, shear[0]], [shear[1], height]], np.float32)
    weight = 1 + rng.normal(0, 0.2, (1, points.shape[1], 1)).astype(np.float32)
    changed: Floats = (points @ matrix * weight).reshape(len(lips), -1)
    return changed


def _cut(rows: Floats, start: int, length: int) -> Floats:
    """Rows from ``start``; outside the clip, zeros (a clip's mean)."""
    out = np.zeros((length, rows.shape[1]), np.float32)
    first, last = max(0, start), min(len(rows), start + length)
    if last > first:
        out[first - start : last - start] = rows[first:last]
    return out


@torch.no_grad()
def curve(network: SyncNetwork, lips: Floats, mels: Floats) -> Floats:
    """(31, n): similarity at each offset and frame."""
    seen, heard = network(torch.from_numpy(lips.T[None]), torch.from_numpy(mels.T[None]))
    found: Floats = similarities(seen, heard)[0].numpy()
    return found


def estimate(network: SyncNetwork, clip: Clip) -> tuple[int, float]:
    """A clip's offset in frames, and how far its peak stands out, in standard deviations of the other offsets."""
    found = curve(network, clip.lips, clip.mels)
    use = clip.valid & clip.loud
    mean = found[:, use].mean(axis=1) if use.any() else found.mean(axis=1)
    best = int(mean.argmax())
    far = np.abs(np.arange(len(mean)) - best) > 3
    return best - SEARCH, float((mean[best] - mean[far].mean()) / (mean[far].std() + 1e-3))


def calibrate(clips: list[Clip], rounds: int, steps: int) -> tuple[list[Clip], list[float]]:
    """Offsets by folds over speakers; a clip without a clear one is not trusted for training. Also the weights of the
    confidence (see ``detect.sync.gate``), fitted on the last round's windows of unseen speakers."""
    speakers = sorted({clip.speaker for clip in clips})
    fold = {name: index % 3 for index, name in enumerate(speakers)}
    examples: list[tuple[tuple[float, ...], bool]] = []
    for turn in range(rounds):
        found: dict[str, Clip] = {}
        examples = []
        for held in range(3):
            network = train(
                [clip for clip in clips if fold[clip.speaker] != held], steps, seed=turn * 10 + held
            )
            for clip in clips:
                if fold[clip.speaker] == held:
                    offset, clear = estimate(network, clip)
                    found[clip.sha256] = replace(clip, offset=offset if clear > 3 else 0, trusted=clear > 3)
                    if clear > 4:
                        strangers = [other for other in clips if other.speaker != clip.speaker]
                        examples += _examples(network, clip, offset, strangers)
        # Only differences between clips can be learned; most clips are in step, so the middle one is taken as that.
        middle = int(np.median([clip.offset for clip in found.values() if clip.trusted]))
        clips = [
            replace(
                found[clip.sha256],
                offset=found[clip.sha256].offset - middle if found[clip.sha256].trusted else 0,
            )
            for clip in clips
        ]
        shown = [clip.offset for clip in clips if clip.trusted]
        print(f"round {turn}: {len(shown)} of {len(clips)} trusted, offsets {sorted(shown)}", file=sys.stderr)
    return clips, _fit(examples)


def _examples(
    network: SyncNetwork, clip: Clip, offset: int, strangers: list[Clip]
) -> list[tuple[tuple[float, ...], bool]]:
    """Windows of 1 to 5 s with their own sound (was the offset found?) and with a stranger's (never right)."""
    rng = np.random.default_rng(int(clip.sha256[:8], 16))
    other = strangers[rng.integers(len(strangers))]
    length = min(len(clip.lips), len(other.lips))
    own = curve(network, clip.lips, clip.mels)
    wrong = curve(network, clip.lips[:length], other.mels[: 4 * length])
    found: list[tuple[tuple[float, ...], bool]] = []
    for name, curves in (("own", own), ("wrong", wrong)):
        use = (clip.valid & clip.loud)[: curves.shape[1]]
        for size in (25, 50, 75, 125):
            for start in range(0, curves.shape[1] - size + 1, size):
                window = use[start : start + size]
                if window.sum() < size * 0.6:
                    continue
                mean = curves[:, start : start + size][:, window].mean(axis=1)
                best = int(mean.argmax())
                right = name == "own" and abs(best - SEARCH - offset) <= 1
                found.append((confidence_features(mean, best, int(window.sum())), right))
    return found


def _fit(examples: list[tuple[tuple[float, ...], bool]]) -> list[float]:
    """Logistic regression; the first weight is the constant."""
    from sklearn.linear_model import LogisticRegression

    rows = np.array([features for features, _ in examples])
    right = np.array([label for _, label in examples])
    fitted = LogisticRegression(C=10.0, fit_intercept=False, max_iter=2000).fit(rows, right)
    print(
        f"confidence fitted on {len(rows)} windows of unseen speakers, {right.mean():.3f} right",
        file=sys.stderr,
    )
    return [round(float(weight), 4) for weight in fitted.coef_[0]]


def figures(network: SyncNetwork, clips: list[Clip]) -> dict[str, object]:
    """What the card says: windows of held-back speakers against their clip's own estimate, and other speech."""
    test = [clip for clip in clips if held_back(clip.speaker)]
    rng = np.random.default_rng(5)
    found: dict[str, object] = {"clips": len(test), "speakers": len({clip.speaker for clip in test})}
    for size in (25, 50, 125):
        hits, own, other = [], [], []
        for clip in test:
            curves = curve(network, clip.lips, clip.mels)
            use = clip.valid & clip.loud
            mean = curves[:, use].mean(axis=1)
            base = int(mean.argmax())
            if use.sum() < 25 or clearness(mean, base) < 3:
                continue  # no estimate to hold a window against
            stranger = test[rng.integers(len(test))]
            length = min(len(clip.lips), len(stranger.lips))
            wrong = curve(network, clip.lips[:length], stranger.mels[: 4 * length])
            for start in range(0, curves.shape[1] - size + 1, size):
                window = use[start : start + size]
                if window.sum() < size * 0.6:
                    continue
                part = curves[:, start : start + size][:, window].mean(axis=1)
                hits.append(abs(int(part.argmax()) - base) <= 1)
                own.append(part.max())
                if stranger.speaker != clip.speaker and start + size <= length:
                    other.append(wrong[:, start : start + size][:, window].mean(axis=1).max())
        found[f"within_1_frame_{size // 25}s"] = round(float(np.mean(hits)), 3) if hits else None
        found[f"windows_{size // 25}s"] = len(hits)
        if own and other:
            auc = np.mean(np.array(own)[:, None] > np.array(other)[None])
            found[f"auc_other_speech_{size // 25}s"] = round(float(auc), 3)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--media", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    args = parser.parse_args()
    clips = load_clips(args.media, args.cache)
    learning = [clip for clip in clips if not held_back(clip.speaker)]
    learning, confidence = calibrate(learning, rounds=2, steps=args.steps // 4)
    network = train(learning, args.steps, seed=100)
    weights = {**network.state_dict(), "confidence": torch.tensor(confidence)}
    save_file(weights, args.out / "sync.safetensors")
    print(json.dumps(figures(network, clips)))
    manifest = [
        {"sha256": clip.sha256, "seconds": round(len(clip.lips) / 25, 2), "speaker": clip.speaker,
         "split": "test" if held_back(clip.speaker) else "train", "rights": "research"}
        for clip in clips
    ]  # fmt: skip
    (args.out / "sync.manifest.json").write_text(json.dumps(manifest, indent=0) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
