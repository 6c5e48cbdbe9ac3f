"""The web application: console, queue, public verifier, API."""
