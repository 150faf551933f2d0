"""Calls that we place, by themselves or as the second leg of another: whether, by whom, and how they go."""
