"""How the gates' scores were spread when all was well: the baseline that drift is measured against.

The distance is Kolmogorov and Smirnov's: the largest difference between two cumulative shares, over the bounds of the
histogram. The alert rule computes it in Prometheus from ``greenroom_gate_score_bucket`` and this; :func:`distance` is
the same for the command line and the tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path

from sqlalchemy import select

from audit.receipts import all_verified
from audit.tables import ReceiptRow
from core.database import reading
from core.errors import InputError
from core.metrics import SCORE_BOUNDS
from core.settings import get_settings

Baseline = dict[str, dict[str, float]]
"""Gate to bound (as Prometheus writes it in ``le``) to the share of scores at or below it."""

NEWEST = 2_000  # receipts of each gate
LEAST = 50  # scores of a gate, for a baseline that means anything
_LARGEST = 1_000_000  # bytes of the file


def shares(scores: Iterable[float]) -> dict[str, float]:
    """Cumulative shares at the histogram's bounds. Raises ValueError for no scores."""
    known = sorted(scores)
    if not known:
        raise ValueError("no scores have no shares")
    return {str(float(bound)): sum(score <= bound for score in known) / len(known) for bound in SCORE_BOUNDS}


def distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """Kolmogorov and Smirnov's distance of two sets of shares, in [0, 1]."""
    return max((abs(one[bound] - other[bound]) for bound in one.keys() & other.keys()), default=0.0)


def recorded() -> tuple[Baseline, dict[str, int]]:
    """Shares of the newest receipts of each gate that measured at least ``LEAST`` times, and how many they are.

    Raises what :func:`audit.receipts.all_verified` raises: nothing is learned from a forged receipt.
    """
    baseline: Baseline = {}
    counts: dict[str, int] = {}
    with reading() as session:
        for gate in session.scalars(select(ReceiptRow.gate).distinct().order_by(ReceiptRow.gate)).all():
            newest = select(ReceiptRow).where(ReceiptRow.gate == gate)
            rows = session.scalars(newest.order_by(ReceiptRow.created_at.desc()).limit(NEWEST)).all()
            results = [receipt.decision.result for receipt in all_verified(session, rows)]
            scores = [r.score for r in results if r.score is not None and not r.abstained]
            if len(scores) >= LEAST:
                baseline[gate], counts[gate] = shares(scores), len(scores)
    return baseline, counts


def record_baseline(path: Path) -> dict[str, int]:
    """Write the file that ``GREENROOM_METRICS_BASELINE`` names; how many scores of each gate it stands on.

    Raises:
        InputError: no gate has measured often enough yet.
    """
    baseline, counts = recorded()
    if not baseline:
        raise InputError(
            f"no gate has measured {LEAST} videos yet",
            where="--record-baseline",
            next_step="record it when some hundred videos have been examined and people agree with the gates",
        )
    path.write_text(json.dumps({"scores": counts, "gates": baseline}, indent=1) + "\n", encoding="utf-8")
    return counts


def load_baseline() -> Baseline:
    """The baseline of this installation, empty where none is set. Raises InputError for a file that is none."""
    given = get_settings().metrics.baseline
    if not given:
        return {}
    path = Path(given)
    try:
        return _read(path, path.stat().st_mtime_ns)
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(
            "the baseline of the scores cannot be read",
            where="GREENROOM_METRICS_BASELINE",
            next_step="record one with `greenroom status --record-baseline FILE`",
        ) from error


@lru_cache(maxsize=2)
def _read(path: Path, _changed: int) -> Baseline:
    if path.stat().st_size > _LARGEST:
        raise ValueError("too large")
    gates = json.loads(path.read_bytes())["gates"]
    return {
        str(gate): {str(bound): float(share) for bound, share in known.items()}
        for gate, known in gates.items()
    }
