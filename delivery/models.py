"""What is said of a part or a machine that may not release."""

from __future__ import annotations

from dataclasses import dataclass

NEXT = 'docs/credentials.md, "Production", says what is needed'


@dataclass(frozen=True)
class Fault:
    """One part that may not release. ``code`` is stable; no field holds a secret or a person."""

    code: str
    what: str
    where: str
    next_step: str = NEXT

    def line(self) -> str:
        return f"{self.what} ({self.code}; {self.where}). Next: {self.next_step}."

    def as_dict(self) -> dict[str, str]:
        """As an error's: the keys that people script against."""
        return {"code": self.code, "what": self.what, "where": self.where, "next": self.next_step}
