"""What deploy/ promises: which process runs as whom, with which secrets, and what it is kept from."""

from __future__ import annotations

from pathlib import Path

DEPLOY = Path(__file__).parents[2] / "deploy"

PROCESSES = ("web", "cpu", "io", "relay", "sequencer", "verify")

SIGNS = {
    "web": {"approvals", "authorities"},
    "cpu": {"receipts"},
    "io": set(),
    "relay": {"authorities"},
    "sequencer": {"ledger"},
    "verify": set(),
}
"""The Ed25519 keys whose private half each process has; the claim-signing key is io's."""

SIGNED_IN = {
    "audit/approvals.py": "approvals",  # decisions: web
    "audit/signed_decisions.py": "approvals",  # of who appears: web
    "audit/authorities.py": "authorities",  # granted and withdrawn: web; ended by its date: relay
    "audit/ledger/sequencer.py": "ledger",  # checkpoints: sequencer
    "audit/receipts.py": "receipts",  # measured: the stage `examine`, of kind cpu
    "greenroom/backup/capture.py": "ledger",  # what a backup holds: a command, as the sequencer's user
    "review_ui/health.py": "approvals",  # whether it could decide
}
"""Every place that signs with one of them: where one is added, the keys of its process may have to change."""

VERBS = {
    "web": ["web"],
    "cpu": ["worker", "--queues", "cpu"],
    "io": ["worker", "--queues", "io"],
    "relay": ["relay"],
    "sequencer": ["sequencer"],
    "verify": ["ledger", "verify", "--report"],
}


def settings_in(path: Path) -> dict[str, str]:
    """The assignments of a file of environment variables."""
    lines = (line.strip() for line in path.read_text().splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))  # type: ignore[misc]


DRAIN = float(settings_in(DEPLOY / "greenroom.env")["GREENROOM_PIPELINE_DRAIN_SECONDS"])
