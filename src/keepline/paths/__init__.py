"""What an operation depends on, and what follows from that: how its parts hang together, and which of them, or which
two, would take down something that it cannot be without. Pure: no clock, no socket, nothing is measured here.
"""
