"""Skerry's managed runtime for Python: the Lambda Runtime API, a handler, and nothing else.

Imports as little as possible: each worker that is started afresh pays for it."""
