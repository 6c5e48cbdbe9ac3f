"""What the demonstration did: paths, verdicts, times; for people and as JSON."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psutil

from pipeline.tables import RenderRow


@dataclass
class Report:
    """Filled while the demonstration runs."""

    renders: list[dict[str, Any]] = field(default_factory=list)
    paths: dict[str, str] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    verified: dict[str, Any] = field(default_factory=dict)

    def add_render(self, name: str, row: RenderRow, findings: list[str]) -> None:
        made = sum(value for value in row.timings.values() if isinstance(value, int | float))
        self.renders.append(
            {
                "name": name,
                "render": row.id,
                "state": row.state,
                "verdict": row.verdict,
                "findings": findings,
                "seconds": row.seconds,
                "stage_s": row.timings,
                "realtime_factor": round(made / row.seconds, 2) if row.seconds else None,
            }
        )

    @property
    def good(self) -> bool:
        """Did everything happen that the demonstration promises?"""
        states = {render["name"]: (render["state"], render["verdict"]) for render in self.renders}
        return (
            states.get("clean") == ("released", "pass")
            and states.get("blocked", ("", ""))[0] == "blocked"
            and states.get("import") == ("in_review", "review")
            and self.verified.get("verdict") == "intact"
        )

    def as_dict(self) -> dict[str, Any]:
        return {
            "good": self.good,
            "renders": self.renders,
            "verified": self.verified,
            "paths": self.paths,
            "seconds": {name: round(value, 1) for name, value in self.seconds.items()},
            "rss_mb": round(psutil.Process().memory_info().rss / 1e6),
        }

    def text(self) -> str:
        lines = [""]
        for render in self.renders:
            lines.append(f"{render['name']:<8} {render['state']:<10} {render['render']}")
            lines += [f"           ! {finding}" for finding in render["findings"]]
            if render["realtime_factor"]:
                lines.append(
                    f"           {render['seconds']:.1f} s of video, {render['realtime_factor']} x its length to make"
                )
        if self.verified:
            lines.append(f"verified {self.verified['verdict']}: {self.verified['sentence']}")
        lines += [f"{name:<8} {path}" for name, path in self.paths.items()]
        lines.append("times    " + ", ".join(f"{name} {value:.0f} s" for name, value in self.seconds.items()))
        if not self.good:
            lines.append("Something is not as it should be: see the states above.")
        return "\n".join(lines)
