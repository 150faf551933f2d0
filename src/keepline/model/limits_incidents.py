"""The limits of incidents. See `limits`."""

INCIDENTS_OPEN_MAX = 50
"""At once: beyond it what is found joins the oldest of its kind, and a person is told."""
INCIDENTS_KEPT_MAX = 500
"""That are closed, and listed: the latest ones."""
INCIDENT_WORDS_CHARS_MAX = 2_000
"""Of a note, a reason, or the cause as a person says it."""
INCIDENT_NAME_CHARS_MAX = 100
"""Of a person."""
INCIDENT_ACTIONS_MAX = 50
"""Actions that follow from one incident."""
INCIDENT_SCOPE_MAX = 40
"""Paths, and capabilities, that one incident names."""
MODE_SET_S_MAX = 7 * 86_400
"""A mode that a person sets holds for at most this."""
INCIDENT_WINDOW_S_MAX = 3_600
"""Of what is counted: longer ones are asked of the journal."""
GATE_SHARES_MAX = 10
"""Steps from none to all."""
FELT_KEPT_MAX = 10_000
"""Callers who felt something lately, told apart; beyond it they are counted as one each."""
GATE_PAUSE_S_MAX = 900.0
"""After a recovery that failed, doubled each time up to this, before the next is begun."""
EXERCISE_NAME_MAX = 100
"""Characters of the mark that every incident of a drill's node carries."""
