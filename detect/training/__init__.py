"""How the detector's own weights were trained: scripts, data manifests and the defects they are trained on."""
