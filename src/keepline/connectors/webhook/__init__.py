"""Signed messages to programs of others."""
