"""The record: the ledger, authorities, signed receipts and approvals."""
