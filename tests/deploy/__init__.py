"""What deploy/ promises: which process runs as whom, with which secrets, and what it is kept from."""

from __future__ import annotations

from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy"

PROCESSES = ("web", "cpu", "io", "relay", "sequencer")

SIGNS = {
    "web": {"approvals", "authorities"},
    "cpu": {"receipts"},
    "io": set(),
    "relay": {"authorities"},
    "sequencer": {"ledger"},
}
"""The Ed25519 keys whose private half each process has; the claim-signing key is io's."""

VERBS = {
    "web": ["web"],
    "cpu": ["worker", "--queues", "cpu"],
    "io": ["worker", "--queues", "io"],
    "relay": ["relay"],
    "sequencer": ["sequencer"],
}


def settings_in(path: Path) -> dict[str, str]:
    """The assignments of a file of environment variables."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))  # type: ignore[misc]


DRAIN = float(settings_in(DEPLOY / "greenroom.env")["GREENROOM_PIPELINE_DRAIN_SECONDS"])
