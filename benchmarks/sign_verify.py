"""What a credential costs: seconds for 100 MB, milliseconds for the sample presenter's clip, memory.

Signing, timestamping (development authority on loopback) and the verifier's reading of the credential. Each runs in
a process of its own, as in a worker, so that the memory is its own. Medians of interleaved runs.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

from benchmarks.harness import finish, full, inputs_digest
from generate.presenter import sample_presenter

GOAL = {"s_per_100mb": "<= 1.0", "ms_30s_720p": "<= 250", "peak_rss_mb": "<= 300"}
LARGE_MB = 100


def measured(asset: Path, folder: Path) -> dict[str, float]:
    """In a process of its own: one warm-up, then seal, publish and read once each."""
    from core.errors import DevelopmentPart
    from provenance.credential import publish, seal
    from provenance.judgement import judge
    from provenance.models import Anchors, ApprovalFacts, GateFact, SealFacts
    from provenance.pki import Pki, init_pki
    from provenance.reader import read_raw
    from provenance.signer import FileSigner
    from provenance.structure import structure
    from provenance.timestamp import DevelopmentTimestamps, TimestampAuthority

    pki = Pki(folder / "pki")
    if not pki.anchors.exists():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DevelopmentPart)
            pki = init_pki(folder / "pki")
    clock = DevelopmentTimestamps(TimestampAuthority.of(pki))
    signer = FileSigner.load(pki.key, pki.chain, timestamp_url=clock.url, development=True)
    anchors = Anchors(own=pki.anchors.read_text())
    facts = SealFacts("standard", "0" * 64, (GateFact("lip_sync", "1", "pass"),), mark_id=1)
    cpu, began = _cpu(), time.perf_counter()
    sealed = seal(asset, folder / "s.mp4", facts, signer, anchors=anchors.own)
    at_seal = time.perf_counter()
    published = publish(
        sealed.path, folder / "p.mp4", ApprovalFacts("1" * 64, "seen"), signer, anchors=anchors.own
    )
    at_publish = time.perf_counter()
    state = judge(read_raw(published.path, anchors), structure(published.path)).state
    ended = time.perf_counter()
    if state != "trusted":
        raise RuntimeError(f"the published file reads {state}")
    clock.close()
    cpu = _cpu() - cpu
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "seal": at_seal - began,
        "publish": at_publish - at_seal,
        "verify": ended - at_publish,
        "all": ended - began,
        "cpu": cpu,
        "rss_mb": peak / 1000,
    }


def _cpu() -> float:
    """CPU seconds of this process and its children: what the machine's other work does not change."""
    uses = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(use.ru_utime + use.ru_stime for use in uses)


def large(folder: Path) -> Path:
    """The sample with a second media box of 100 MB: a long video's size without a long video's making."""
    path = folder / "large.mp4"
    size = LARGE_MB * 1_000_000
    with path.open("wb") as file:
        file.write(sample_presenter().read_bytes())
        file.write((size + 8).to_bytes(4, "big") + b"mdat")
        for _ in range(LARGE_MB):
            file.write(os.urandom(1_000_000))
    return path


def child(asset: Path, folder: Path) -> dict[str, float]:
    output = subprocess.run(
        [sys.executable, "-m", "benchmarks.sign_verify", str(asset), str(folder)],
        stdout=subprocess.PIPE, check=True, text=True,
    ).stdout  # fmt: skip
    answer: dict[str, float] = json.loads(output.splitlines()[-1])
    return answer


def run() -> dict[str, Any]:
    times = 9 if full() else 3
    with tempfile.TemporaryDirectory(prefix="greenroom-sign-") as name:
        folder = Path(name)
        big = large(folder)
        small: list[dict[str, float]] = []
        heavy: list[dict[str, float]] = []
        for _ in range(times):
            small.append(child(sample_presenter(), folder))
            heavy.append(child(big, folder))
            print(small[-1], heavy[-1], file=sys.stderr)

    def median(rows: list[dict[str, float]], key: str) -> float:
        return statistics.median(row[key] for row in rows)

    return {
        # What 100 MB more cost: the processes' start is in the figure for the small clip.
        "s_per_100mb": round((median(heavy, "all") - median(small, "all")) * 100 / LARGE_MB, 3),
        "ms_30s_720p": round(1000 * median(small, "all"), 1),
        "peak_rss_mb": round(max(row["rss_mb"] for row in heavy + small)),
        "parts_ms_30s_720p": {key: round(1000 * median(small, key)) for key in ("seal", "publish", "verify")},
        "parts_s_100mb": {key: round(median(heavy, key), 3) for key in ("seal", "publish", "verify")},
        "cpu_ms_30s_720p": round(1000 * median(small, "cpu")),
        "cpu_s_100mb": round(median(heavy, "cpu") - median(small, "cpu"), 3),
        "load": os.getloadavg()[0],
        "n": times,
        "interval": {"ms_30s_720p": [round(1000 * f(row["all"] for row in small)) for f in (min, max)]},
        "inputs_sha256": inputs_digest([sample_presenter()]),
    }


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(measured(Path(sys.argv[1]), Path(sys.argv[2]))))
    else:
        finish(run(), GOAL)
