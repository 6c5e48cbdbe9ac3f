"""The answer of a verification of the ledger: what was looked at, and what does not agree."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

MAX_PROBLEMS = 200
Kind = Literal["changed", "missing", "reordered", "added", "unsigned", "rolled_back"]


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
        }

    def text(self) -> str:
        """One line when all agrees, else a line for each problem."""
        head = (
            f"{self.size} entries, {self.pending} pending, {self.rows} covered rows, "
            f"{self.checkpoints} checkpoints"
        )
        if self.good:
            return f"The ledger agrees: {head}."
        lines = [f"  {problem.kind:11} {problem.where}: {problem.detail}" for problem in self.problems]
        return "\n".join([f"The ledger does NOT agree ({head}):", *lines])

    def add(self, kind: Kind, where: str, detail: str) -> None:
        if len(self.problems) < MAX_PROBLEMS:
            self.problems.append(Problem(kind, where, detail))
