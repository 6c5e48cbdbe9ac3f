"""One file a verb: ``add(verbs, shared)`` declares it, its ``run`` answers."""
