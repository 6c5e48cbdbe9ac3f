"""One file a verb: ``add(verbs, shared)`` declares it, its ``run`` answers.

Every verb's file is read for ``greenroom --help``, so it imports nothing heavy at its top: that is ``run``'s to do.
"""
