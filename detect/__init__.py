"""Measures a candidate: artifact, lip sync, identity, transcript, picture content, technical."""
