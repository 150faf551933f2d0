"""The bounds of the desk, as `limits` has the others. Each is reached by a test."""

DESK_CALLS_MAX = 1_000
"""Call records in one answer; a request for more is refused."""
DESK_REQUESTS_MAX = 64
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
