from detect.training.network.command import main

raise SystemExit(main())
