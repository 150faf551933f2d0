"""Limits of drills, and of the faults that they plant."""

from typing import Final

LEASE_S_MAX: Final = 7200.0
"""No fault stands longer, whatever asked for it."""
UNDO_AGAIN_S: Final = 1.0
"""Until a fault that could not be undone is undone again."""
PASS_COUNTS_DAYS: Final = 30
"""So long after a drill that held the path that it is about counts as drilled."""
DRILL_STEPS_MAX: Final = 50
"""Actions and probes of one drill."""
DRILL_RUNS_KEPT_MAX: Final = 1000
"""Of `keepline drill history`; the oldest are forgotten."""
