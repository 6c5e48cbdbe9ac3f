"""The invisible mark, content credentials (C2PA), the fingerprint, and independent verification."""
