"""The answer of a verification of the ledger: what was looked at, and what does not agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

MAX_PROBLEMS = 200
Kind = Literal["changed", "missing", "reordered", "added", "unsigned", "rolled_back"]


@dataclass(frozen=True)
class Witnessed:
    """What the log says to a checkpoint that was kept elsewhere.

    Attributes:
        where: the file.
        size: entries that it covers.
        ahead: entries that this log has beyond it; negative where this log ends before it.
        proof: the RFC 6962 consistency proof from it to this log's tree, hex; empty where there is nothing to prove.
        problem: "" where the log continues it.
        detail: what is wrong.
    """

    where: str
    size: int
    ahead: int
    proof: tuple[str, ...] = ()
    problem: Kind | Literal[""] = ""
    detail: str = ""

    def as_dict(self) -> dict[str, Any]:
        return {
            "where": self.where,
            "size": self.size,
            "continues": not self.problem,
            "ahead": self.ahead,
            "proof": list(self.proof),
        }


@dataclass(frozen=True)
class Problem:
    """One thing that does not agree: what happened to it, and which row or file it is."""

    kind: Kind
    where: str
    detail: str


@dataclass
class LedgerReport:
    """The answer of :func:`verify_ledger`."""

    size: int = 0
    root: str = ""
    origin: str = ""
    pending: int = 0
    rows: int = 0
    checkpoints: int = 0
    problems: list[Problem] = field(default_factory=list)
    witnessed: list[Witnessed] = field(default_factory=list)

    @property
    def good(self) -> bool:
        return not self.problems

    def as_dict(self) -> dict[str, Any]:
        """The JSON form of ``greenroom ledger verify --json``."""
        return {
            "good": self.good,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "pending": self.pending,
            "rows": self.rows,
            "checkpoints": self.checkpoints,
            "problems": [vars(problem) for problem in self.problems],
            "witnessed": [one.as_dict() for one in self.witnessed],
        }

    def text(self) -> str:
        """One line when all agrees, else a line for each problem."""
        head = (
            f"{self.size} entries, {self.pending} pending, {self.rows} covered rows, "
            f"{self.checkpoints} checkpoints"
        )
        if self.good:
            kept = f" It continues {len(self.witnessed)} kept checkpoints." if self.witnessed else ""
            return f"The ledger agrees: {head}.{kept}"
        lines = [f"  {problem.kind:11} {problem.where}: {problem.detail}" for problem in self.problems]
        return "\n".join([f"The ledger does NOT agree ({head}):", *lines])

    def add(self, kind: Kind, where: str, detail: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, where, detail))
