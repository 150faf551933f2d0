"""The bounds of the desk, as `limits` has the others. Each is reached by a test."""

DESK_CALLS_MAX = 1_000
"""Call records in one answer; a request for more is refused."""
DESK_REQUESTS_MAX = 256
"""Connections and requests at once; further ones are answered 503."""

METRIC_CALLS_MAX = 20_000
"""Live calls whose beginning is remembered for the metrics; of the oldest beyond it no delay is counted."""
METRIC_FACTS_PER_READ = 5_000
"""Read at a time for the metrics."""
METRIC_OUTCOMES_MAX = 100
"""Outcomes of calls told apart in the metrics; the next ones are `other`."""
API_BODY_BYTES_MAX = 32_768
"""Of one request to the API that starts a run or tells of an event."""
IDEMPOTENCY_KEY_CHARS_MAX = 200
"""Of the id under which somebody outside tells of an event."""

BOARD_FACTS_BACK_MAX = 20_000
"""Of the journal's end, looked through when somebody opens the board: its figures reach back as far as these."""
BOARD_FACTS_PER_LOOK = 5_000
"""Read at a time for the board."""
BOARD_CALLS_MAX = 20_000
"""Live calls that the board knows; of the oldest beyond it the end is not counted."""
BOARD_NAMES_MAX = 200
"""Carriers and flows told apart on the board; the next ones are `other`."""
BOARD_HAPPENINGS_MAX = 40
"""The last events that the board shows."""
BOARD_WITHIN_S = 2.0
"""A part of the node that has not answered for longer is said to be late."""
VIEWERS_MAX = 150
"""Pages that follow the node at once; one more is answered 503 and says so."""
SEARCH_CALLS_MAX = 1_000
"""Call records that one search looks through; its answer says where the next one goes on."""
SEARCH_CHARS_MAX = 100
"""Of what is searched for."""
TIMELINE_EVENTS_MAX = 500
"""Facts of one call that its page shows, the newest."""

MESSAGES_SHOWN_MAX = 100
"""Messages about incidents on one page, the newest."""
METRIC_DELIVERIES_MAX = 20_000
"""Deliveries under way whose end is counted; of the oldest beyond it the end is not."""
DRILL_RUNS_SHOWN = 50
"""Runs of drills on their page, the newest."""

PRICE_MAX = 1_000_000_000
"""Of one of anything that `money` has a price for, in the currency's units."""
SLA_STEPS_MAX = 10
"""Steps of one provider's terms."""
PRICE_WORDS_MAX = 300
"""Of what a price rests on."""
LEADERS_FACTS_BACK_MAX = 200_000
"""Of the journal's end, looked through when the leaders' page is opened first."""
EXPERIENCE_MINUTES_MAX = 2_880
"""Minutes of which it is known what callers experienced: the oldest go first."""
EXPERIENCE_CALLERS_MAX = 50_000
"""Callers told apart who were not served as usual; further ones are not counted as people."""
