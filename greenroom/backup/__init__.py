"""Backup and restore: one format for both databases (docs/backup.md, ADR 0017).

    backups/<id>.json              one backup: its signed envelope, written last; without it there is none
    parts/<2 digits>/<sha256>      its manifest and its tables, each named by its digest
    blobs/<role>/<2 digits>/<sha256>   every file that a row names; shared by all backups in the place

A backup is the tables as they stood in one snapshot. The ledger's tiles are no part of it: they are a function of the
entries, are made again by a restore, and must lead to the root that was signed. Private keys and the master secret are
no part of it either.
"""
