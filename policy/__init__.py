"""Rule packs over text, and whether an authority covers a use."""

import core  # noqa: F401 - first of all the limits on threads (core/threads.py)
