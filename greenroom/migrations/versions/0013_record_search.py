"""The ledger's index for whoever asks after a thing's events says their order too; who is the same person"""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # The new one is there before the old one goes: a door asks for these entries at any moment.
    op.create_index("ix_ledger_entries_subject_event_id", "ledger_entries", ["subject", "event", "id"])
    op.drop_index("ix_ledger_entries_subject_event", "ledger_entries")
    op.create_index("ix_personas_reference", "personas", ["brand_id", "reference_sha256"])
