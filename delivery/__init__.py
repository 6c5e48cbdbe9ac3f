"""The only door out: release, recall, and the links that serve released assets."""
