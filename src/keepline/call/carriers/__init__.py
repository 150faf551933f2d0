"""Calls out over several carriers: which is asked, when another one is asked beside it, and what a refusal means."""
