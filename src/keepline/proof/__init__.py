"""Proof that a journal is what was written: a hash tree over its facts, and signed statements of what it was."""
