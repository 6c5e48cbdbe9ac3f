"""Faults: real processes (web, worker, relay), real servers, and what goes wrong with them.

RECORDED RESULTS stand in for every model and for the signer (see :mod:`tests.kit`), so that a render takes a fraction
of a second and hundreds of kills can be made. Everything else is the product, in processes of its own: they are forked
from one that has imported the code (``nursery.py``), each with its own pid, engine, connections and Celery application.
What is looked at after each fault is in one function (``invariants.py``).
"""
