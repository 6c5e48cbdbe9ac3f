"""The life of a render: campaigns, stages, leases, Celery, the outbox relay."""
