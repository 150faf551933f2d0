"""Keepline: phone automation that stays up."""

__version__ = "0.1.0"
