"""``python -m detect.training.network``: see :mod:`detect.training.network.command`."""

from detect.training.network.command import main

raise SystemExit(main())
