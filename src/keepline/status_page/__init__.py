"""The public status page: files that are written on every change, and a small process that serves them.

It imports the standard library and nothing of Keepline but limits, so that it stands when all else has fallen.
"""
