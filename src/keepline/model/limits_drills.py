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
DRILL_FAULT_S_MAX: Final = 60.0
"""A fault at our own edge stands so long unless it is prolonged: nobody may be there to end it."""
DRILL_TEST_CALLS_MAX: Final = 50
"""Of one drill against an operation that serves callers."""
DRILL_BACK_WITHIN_S: Final = 120.0
"""After its end what a drill broke has so long to come back, through the recovery gate of its incident."""
DRILL_RUN_S_MAX: Final = 420.0
"""Of `keepline drill run --all`: a run that takes longer is told to end,"""
DRILL_ENDS_WITHIN_S: Final = 120.0
"""and one that does not within this is killed."""
DRILLS_AT_ONCE_MAX: Final = 8
"""Beside each other on one machine."""
DRILL_RUNS_KEPT_MAX: Final = 1000
"""Of `keepline drill history`; the oldest are forgotten."""
