"""The bounds of runs, as `limits` has the others. Each is reached by a test."""

RUN_WAIT_S_MAX = 34_560_000
"""Of one wait of a flow without a caller: 400 days."""
RUN_VARIABLES_CHARS_MAX = 8_000
"""Of what a run is started with, as JSON."""
RUN_RESULT_CHARS_MAX = 32_000
"""Of what the flow of a run returns, as JSON."""
RUN_STEPS_PER_TURN_MAX = 200
"""Steps of a run that take no time, one after the other; a loop of them ends here, before calls feel it."""
RUN_USE_ATTEMPTS_MAX = 8
"""Times that one use of a run is asked for, crashes included; the pauses between them double."""
RUNS_RESIDENT_MAX = 5_000
"""Runs in memory at once; those beyond wait on disk until others are done or wait for long."""
RUNS_ENDED_KEPT_MAX = 500
"""Ends of runs in memory, for those that join them; of those beyond, the journal tells."""
RUNS_PER_READ = 500
"""Due runs whose ids are read from the journal at once."""
WORK_ERROR_CHARS_MAX = 4_000
"""Of the traceback of a flow that failed, on the work list: its end."""
WORK_MADE_MAX = 50
"""Things that a flow had done before it failed, on the work list: the last ones."""
RESCUED_ENDED_MAX = 20_000
"""Runs that ended, and events that were heard, copied from a damaged journal: the last ones."""
EVENT_KEY_CHARS_MAX = 200
EVENTS_KEPT_MAX = 10_000
"""Events that nobody has waited for yet; the oldest gives way."""
