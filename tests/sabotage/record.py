"""The ledger: what it says of rows, and that nobody else wrote it."""

from __future__ import annotations

from tests.sabotage.words import Sabotage, off

ROWS, VERIFY = "audit/ledger/rows.py", "audit/ledger/verify.py"

RECORD: tuple[Sabotage, ...] = (
    off("ledger", "a row is what its entry committed to", ROWS,
        "elif commitment(row) != known.commitment:", "elif False:",
        "coverage:a_committed_column_that_changed_is_named_with_its_row[links]",
        "registry:a_row_that_was_set_back_is_still_recalled_to_the_world"),
    off("ledger", "a row that was added", ROWS, "            if known is None:", "            if False:",
        "coverage:a_row_that_was_added_is_named[links]"),
    off("ledger", "a row that was deleted", VERIFY,
        "        for row, known in commitments.items():", "        for row, known in ():",
        "coverage:a_row_that_was_deleted_is_named[links]"),
    off("ledger", "the signature of a row that has one", ROWS,
        "elif check is not None and not _adopted_unsigned(row, known):", "elif False:",
        "coverage:a_forged_decision_with_its_entry_is_named"),
    off("ledger", "a row that had been altered stays named", ROWS, "elif known.altered:", "elif False:",
        "life:a_row_that_was_altered_goes_to_an_end_only_and_the_ledger_goes_on_saying_so"),
    off("ledger", "rows are adopted once", ROWS,
        "if adopts and commitments.began and report is not None:", "if False:",
        "owner:rows_are_not_taken_into_the_record_a_second_time"),
    off("ledger", "an entry is its body", VERIFY, "if body.decode() != row.body:", "if False:",
        "coverage:a_pending_entry_that_was_changed_is_named"),
    off("ledger", "an entry is what its bundle holds", VERIFY,
        "if kept is not None and body is not None and body != kept:", "if False:",
        "verify_ledger:an_entry_rewritten_with_its_body_is_named"),
    off("ledger", "the entry commits to the rows", "audit/ledger/entries.py",
        "return {row_name(row): commitment(row) for row in rows}", "return {}",
        "life:a_move_is_a_state_an_entry_and_a_message"),
    off("ledger", "a move is written down", "pipeline/life.py",
        "        way.event,\n        row.id,", "        Event.STATE_CHANGED,\n        row.id,",
        "life:every_move_states_its_digests_in_clear"),
)  # fmt: skip
