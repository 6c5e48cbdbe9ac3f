"""A registry in memory and senses that are told what to see, for the verdict tests."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from provenance.mark import MarkReading
from provenance.models import Agreement, Difference, RegistryEntry


@dataclass
class MemoryRegistry:
    """Our assets: by every digest that is theirs, and by mark."""

    entries: list[RegistryEntry] = field(default_factory=list)
    digests: dict[str, RegistryEntry] = field(default_factory=dict)

    def add(self, entry: RegistryEntry, *digests: str) -> None:
        self.entries.append(entry)
        self.digests |= dict.fromkeys((entry.asset_sha256, *digests), entry)

    def find_mark(self, mark_id: int) -> RegistryEntry | None:
        return next((entry for entry in self.entries if entry.mark_id == mark_id), None)

    def find_asset(self, sha256: str) -> RegistryEntry | None:
        return self.digests.get(sha256)

    def find_essence(self, essence: str) -> RegistryEntry | None:
        return next((entry for entry in self.entries if entry.essence == essence), None)


@dataclass
class ToldSenses:
    """Sees the mark and the agreement that the test says are there."""

    mark_id: int | None = None
    agreement: Agreement = field(default_factory=lambda: Agreement(True, 1.0))
    asked: list[str] = field(default_factory=list)
    hidden: tuple[Difference, ...] = ()

    def unheard(self, path: Path) -> tuple[Difference, ...]:
        return self.hidden

    def mark(self, path: Path, expected: int | None) -> MarkReading:
        self.asked.append("mark" if expected is None else "expected mark")
        seen = self.mark_id if expected in (None, self.mark_id) else None
        return MarkReading(seen is not None, seen, 1e-9 if seen else 1.0, 0.5 if seen else 0.0)

    def fingerprint(self, path: Path) -> Any:
        self.asked.append("fingerprint")
        return "a fingerprint"

    def compare(self, stored: Any, found: Any) -> Agreement:
        return self.agreement


def differing(*differences: Difference, share: float = 0.8) -> Agreement:
    return Agreement(False, share, differences)
