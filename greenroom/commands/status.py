"""``greenroom status``: what waits, who works, how far the record is, and what an operator should look at."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenroom.cli import command
from greenroom.output import Answer

if TYPE_CHECKING:
    from delivery.overview import Depth, Overview


def add(verbs: Any, shared: argparse.ArgumentParser) -> None:
    parser = command(
        verbs, shared, "status", "how this installation stands; exit 1 when something is to be looked at", run
    )
    parser.add_argument(
        "--record-baseline",
        metavar="FILE",
        help="also write how the gates' scores are spread now (GREENROOM_METRICS_BASELINE)",
    )


def run(args: argparse.Namespace) -> Answer:
    from core.media.standing import standing_walls
    from core.settings import get_settings
    from delivery.concerns import Concern, concerns
    from delivery.overview import overview
    from delivery.parts import faults
    from delivery.walls import wall_cautions

    settings = get_settings()
    if not _has_database(settings.effective_database_url):
        missing = {
            "code": "no_database",
            "what": "there is no database yet",
            "next": "`greenroom up` makes it",
        }
        return Answer({"good": False, "concerns": [missing]}, "There is no database yet.", yes=False)
    found = overview()
    noted: list[Concern] = concerns(found)
    unfit, cautions = faults(settings), wall_cautions(settings)
    document = {
        "good": not noted and not unfit and not cautions,
        **_document(found),
        "concerns": [concern.as_dict() for concern in noted],
        "faults": [fault.as_dict() for fault in unfit],
        "walls": sorted(standing_walls()),
    }
    if args.record_baseline:
        from delivery.drift import record_baseline

        document["baseline"] = record_baseline(Path(args.record_baseline))
    lines = [*_lines(found), ""]
    lines += [f"LOOK  {concern.what} ({concern.code}): {concern.as_dict()['next']}" for concern in noted]
    lines += [f"LOOK  {caution.line()}" for caution in cautions]
    lines += [f"FAULT {fault.line()}" for fault in unfit]
    return Answer(document, "\n".join(lines).rstrip(), yes=bool(document["good"]))


def _has_database(url: str) -> bool:
    """Looking makes nothing: SQLite would make an empty file."""
    return not url.startswith("sqlite:///") or Path(url.removeprefix("sqlite:///")).is_file()


def _document(found: Overview) -> dict[str, Any]:
    return {
        "renders": {state: _depth(depth) for state, depth in found.renders.items()},
        "leases": [
            {**vars(lease), "held": round(lease.held, 1), "left": round(lease.left, 1)}
            for lease in found.leases
        ],
        "outbox": _depth(found.outbox),
        "withdrawals_unsettled": _depth(found.withdrawals),
        "reports": None
        if found.reports is None
        else {"open": found.reports.open, "overdue_s": round(found.reports.overdue, 1)},
        "ledger": {
            "pending": _depth(found.ledger),
            "checkpoint": _rounded(found.checkpoint),
            "verified": _rounded(found.verified),
        },
        "certificates": {name: round(left) for name, left in found.certificates.items()},
        "clock_skew": None if found.skew is None else round(found.skew, 3),
    }


def _depth(depth: Depth | None) -> dict[str, Any] | None:
    return None if depth is None else {"count": depth.count, "oldest_s": round(depth.oldest, 1)}


def _rounded(part: Any) -> dict[str, Any] | None:
    return None if part is None else {**vars(part), "age": round(part.age, 1)}


def _lines(found: Overview) -> list[str]:
    lines = [
        f"{state:<12}{depth.count:>8}{_age(', the first for ', depth.oldest) if depth.count else ''}"
        for state, depth in found.renders.items()
    ]
    for name, depth in (
        ("outbox", found.outbox),
        ("ledger", found.ledger),
        ("withdrawals", found.withdrawals),
    ):
        if depth is not None:
            lines.append(
                f"{name:<12}{depth.count:>8}{_age(', the first for ', depth.oldest) if depth.count else ''}"
            )
    if found.reports is not None and found.reports.open:
        late = _age(", the first was due ", found.reports.overdue) + " ago" if found.reports.overdue else ""
        lines.append(f"reports     {found.reports.open:>8}{late}")
    for lease in found.leases:
        word = f"{lease.left:.0f} s left" if lease.left >= 0 else f"over for {-lease.left:.0f} s"
        lines.append(f"lease       {lease.owner} on {lease.render_id} ({lease.state}), {word}")
    if found.checkpoint is not None:
        lines.append(f"checkpoint  {found.checkpoint.size:>8}{_age(', signed ', found.checkpoint.age)} ago")
    if found.verified is not None:
        word = "agreed" if found.verified.good else "DID NOT AGREE"
        lines.append(f"verified    {word}{_age(', ', found.verified.age)} ago")
    lines += [f"certificate {name}{_age(', ends in ', left)}" for name, left in found.certificates.items()]
    return lines


def _age(words: str, seconds: float) -> str:
    for unit, size in (("days", 86400.0), ("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 2 * size:
            return f"{words}{seconds / size:.0f} {unit}"
    return f"{words}{seconds:.0f} s"
