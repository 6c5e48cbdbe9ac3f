"""``make bench``: run one benchmark, or all of them and rewrite RESULTS.md."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NOT_BENCHMARKS = {
    "__init__",
    "__main__",
    "asked_pages",
    "harness",
    "defects",
    "many_records",
    "many_renders",
    "released_home",
    "render_scripts",
    "served",
    "databases",
    "workers",
}
RESULTS = HERE / "results"


def names() -> list[str]:
    """Every benchmark module."""
    return sorted(path.stem for path in HERE.glob("*.py") if path.stem not in NOT_BENCHMARKS)


def run(name: str) -> dict[str, Any]:
    """Run one in a process of its own; its last line is its document, kept in ``results/``."""
    print(f"== {name}", file=sys.stderr)
    answer = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}"], stdout=subprocess.PIPE, text=True, check=False
    )
    lines = [line for line in answer.stdout.splitlines() if line.strip()]
    if answer.returncode != 0 or not lines:
        return {"error": f"ended with {answer.returncode}"}
    document: dict[str, Any] = json.loads(lines[-1])
    document["date"] = datetime.now(UTC).date().isoformat()
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return document


def write_results() -> None:
    """RESULTS.md from every stored document: each bar, the figure, met or missed."""
    lines = [
        "# Results",
        "",
        "Each figure was measured by `make bench NAME=...` (a row's document is in `benchmarks/results/`). A miss is "
        "written as a miss.",
        "",
        f"Machine: {os.cpu_count()} cores, {platform.machine()}, {platform.system()}; Python "
        f"{platform.python_version()}, torch {version('torch')}, OpenVINO {version('openvino')}.",
        "",
    ]
    for name in names():
        path = RESULTS / f"{name}.json"
        if not path.exists():
            lines += [f"## {name}", "", "Not measured yet.", ""]
            continue
        document = json.loads(path.read_text(encoding="utf-8"))
        lines += [
            f"## {name}",
            "",
            f"{document.get('date')}, commit {document.get('commit')}, n: `{document.get('n')}`",
            "",
        ]
        lines += ["| key | figure | goal | met |", "|---|---|---|---|"]
        skip = {"goal", "met", "commit", "date", "n", "inputs_sha256"}
        for key, value in document.items():
            if key in skip:
                continue
            bar = document["goal"].get(key, "")
            state = {True: "yes", False: "**missed**"}.get(document["met"].get(key), "")
            lines.append(f"| {key} | {_cell(value)} | {bar} | {state} |")
        lines.append("")
    (HERE / "RESULTS.md").write_text("\n".join(lines), encoding="utf-8")


def _cell(value: Any) -> str:
    text = json.dumps(value) if isinstance(value, dict | list) else str(value)
    return text.replace("|", "\\|") if len(text) < 900 else text[:900].replace("|", "\\|") + " ..."


def main(argv: list[str]) -> int:
    wanted = argv or names()
    unknown = [name for name in wanted if name not in names()]
    if unknown:
        print(f"no benchmark {unknown[0]}; there are: {', '.join(names())}", file=sys.stderr)
        return 2
    documents = {name: run(name) for name in wanted}
    write_results()
    print(json.dumps(documents[wanted[0]] if len(wanted) == 1 else documents))
    return 3 if any("error" in document for document in documents.values()) else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
