"""Callers whom a carrier has lost: how that is noticed, who is called back, and the tickets that see to it."""
