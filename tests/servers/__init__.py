"""Real servers that the tests start themselves, on free ports of loopback, and end by pid.

PostgreSQL and Redis are Debian's, the S3 server is moto's from PyPI, RabbitMQ only where FULL=1 asks for it. Where one
cannot be had, whatever needs it fails and says what to install: a guarantee that was not tested is not one.
"""
