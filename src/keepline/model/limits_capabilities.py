"""Limits of capabilities, their paths, and the work that they leave; the others are in `limits`."""

USE_ARGUMENTS_CHARS_MAX = 8_000
"""Of the arguments of one use, as JSON."""
USE_RESULT_CHARS_MAX = 32_000
"""Of an answer on record, as JSON; a larger one is none."""
USE_ATTEMPTS_MAX = 3
"""Times that one use is asked for while its flow waits."""
USE_RESUMED_MAX = 10
"""The same where the process that asked died: the other side may have heard nothing."""
PENDING_PAUSE_S_MIN = 5.0
PENDING_PAUSE_S_MAX = 900.0
"""Between two attempts to find out what became of a use; the pause is as long as the doubt has lasted."""
PENDING_S_MAX = 2_592_000
"""That the outcome of a use is sought, 30 days; `pending_s` is at most this."""
KEPT_PAUSE_S_MIN = 5.0
KEPT_PAUSE_S_MAX = 60.0
"""Between two attempts to make kept changes while their path takes none; the pause is as long as that has lasted."""
KEPT_FAILURES_MAX = 5
"""Times that a kept change fails while others of its path are taken; then it is for a person."""
KEPT_AT_ONCE_MAX = 100
"""Kept changes that are made at once, each of a series of its own; `series` of an outbox is at most this."""
WORK_TRIES_KEPT_MAX = 20
"""Attempts of one item that are kept in memory, the last ones; all are on record."""
WORK_WORDS_CHARS_MAX = 4_000
"""Of the name and the note that close an item of the work list."""
CAPABILITY_PATHS_MAX = 8
"""Of one capability."""
PATH_IN_FLIGHT_MAX = 1_000
"""Uses at once that a path may be given."""
PATH_OUTCOMES_MAX = 1_000
"""Of one path that its health is judged by."""
PATH_WAITING_MAX = 200
"""Uses that wait for their turn at one path; the next one is unavailable at once."""
HEDGES_PUT_BY_MAX = 10
"""Hedges of one capability that are put by while none is needed, and may be asked at once."""
HEDGE_SHARE_MAX = 0.2
"""`share_max` of a hedge is at most this."""
HEDGE_FIGURES_MAX = 100
"""Pairs of a path and an action of one capability whose delays are kept."""
USES_REMEMBERED_MAX = 200
"""Different uses whose fingerprints are kept in memory, since flows ask for the same again and again."""
USES_PER_TURN_MAX = 32
"""Uses that are carried out one after the other where none of them waits; then everybody else has a turn."""
PATH_THREADS_MAX = 64
"""Threads that a path of Python may be given."""
PATH_WORDS_MAX = 100
"""Broken contracts of one path that are logged, each once."""
HTTP_ANSWER_BYTES_MAX = 1_048_576
"""Of one answer; a larger one is none."""
SNAPSHOT_BYTES_MAX = 67_108_864
"""Of the answer that a table of a snapshot is copied from; a larger one is none."""
SNAPSHOT_ROWS_MAX = 1_000_000
"""Of one snapshot, all tables together."""
SNAPSHOT_AGE_S_MAX = 2_592_000
"""`age_s_max` of a snapshot is at most this, 30 days."""
SECRET_BYTES_MAX = 8_192
"""Of a secret's file; the rest is not read."""
