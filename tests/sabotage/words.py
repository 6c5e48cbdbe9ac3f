"""One line of the table of sabotages, and short names for the files of its tests."""

from __future__ import annotations

from dataclasses import dataclass

from tests.sabotage.patching import Patch

FILES = {
    "intake": "tests/pipeline/test_intake.py",
    "again": "tests/pipeline/test_again.py",
    "suppression": "tests/pipeline/test_suppression.py",
    "to_whom": "tests/delivery/test_to_whom.py",
    "webhooks": "tests/delivery/test_webhooks.py",
    "outward": "tests/core/test_outward.py",
    "recipient_lists": "tests/pipeline/test_recipient_lists.py",
    "runner": "tests/pipeline/test_runner.py",
    "life": "tests/pipeline/test_life.py",
    "review": "tests/pipeline/test_review.py",
    "beginning": "tests/review_ui/test_beginning.py",
    "invitations": "tests/review_ui/test_invitations.py",
    "seen": "tests/pipeline/test_seen.py",
    "standing": "tests/pipeline/test_standing.py",
    "leases": "tests/pipeline/test_leases.py",
    "guard": "tests/delivery/test_guard.py",
    "guard_postgresql": "tests/delivery/test_guard_postgresql.py",
    "old_backup": "tests/greenroom/backup/test_old_backup.py",
    "at_once": "tests/trust/test_two_at_once.py",
    "holds": "tests/delivery/test_holds.py",
    "links": "tests/delivery/test_links.py",
    "recall": "tests/delivery/test_recall.py",
    "withdrawal": "tests/delivery/test_withdrawal.py",
    "registry": "tests/delivery/test_standing.py",
    "orphans": "tests/delivery/test_orphans.py",
    "tasks": "tests/delivery/test_tasks.py",
    "release": "tests/delivery/test_release.py",
    "script_approval": "tests/pipeline/test_script_approval.py",
    "final_cut": "tests/delivery/test_final_cut.py",
    "appearances": "tests/review_ui/test_appearances.py",
    "release_authority": "tests/delivery/test_release_authority.py",
    "release_races": "tests/delivery/test_release_races.py",
    "release_reader": "tests/delivery/test_release_reader.py",
    "release_receipts": "tests/delivery/test_release_receipts.py",
    "release_signed": "tests/delivery/test_release_signed.py",
    "parts": "tests/delivery/test_parts.py",
    "approvals": "tests/audit/test_approvals.py",
    "authorities": "tests/audit/test_authorities.py",
    "receipts": "tests/audit/test_receipts.py",
    "signing": "tests/provenance/test_signing.py",
    "separate_keys": "tests/audit/test_separate_keys.py",
    "keys": "tests/audit/test_keys.py",
    "verify_ledger": "tests/audit/ledger/test_verify.py",
    "coverage": "tests/test_ledger_coverage.py",
    "consent": "tests/policy/test_consent.py",
    "templates": "tests/generate/test_templates.py",
    "gates": "tests/core/test_gates.py",
    "blobs": "tests/core/test_blobs.py",
    "marks": "tests/provenance/test_service.py",
    "credential": "tests/provenance/test_credential.py",
    "verify": "tests/provenance/test_verify.py",
    "owner": "tests/trust/test_database_owner.py",
    "altered": "tests/trust/test_changed_rows.py",
    "played": "tests/review_ui/test_played.py",
    "serving": "tests/review_ui/test_serving.py",
    "nursery": "tests/core/test_nursery.py",
    "foreign": "tests/security/test_foreign_files.py",
    "walls": "tests/delivery/test_walls.py",
}


@dataclass(frozen=True)
class Sabotage:
    """One trust check.

    Attributes:
        step: of the architecture's thirteen, or what else it belongs to.
        name: of the check.
        patch: switches it off.
        tests: ids; each must fail (of a test with several cases, at least one).
    """

    step: str
    name: str
    patch: Patch
    tests: tuple[str, ...]


def off(step: str, name: str, file: str, old: str, new: str, *tests: str) -> Sabotage:
    """A line of the table. A test is ``file:name``, its file by the short name in ``FILES``, without ``test_``."""
    ids = []
    for test in tests:
        where, _, called = test.partition(":")
        ids.append(f"{FILES[where]}::test_{called}")
    return Sabotage(step, name, Patch(file, old, new), tuple(ids))
