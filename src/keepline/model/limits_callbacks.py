"""The limits of callbacks. See `limits`."""

CALLBACKS_OPEN_MAX = 5_000
"""Tickets that are open at once; a caller beyond them gets none, and the operator hears of it."""
CALLBACK_WITHIN_S_MAX = 7 * 86_400
"""How long a ticket may stay open."""
CALLBACK_ATTEMPTS_MAX = 20
"""Times that somebody who does not answer is called."""
CALLBACK_VARIABLES_CHARS_MAX = 4_000
"""Of what a promise gives to its flow, as JSON."""
CALLBACK_WORDS_MAX = 50
"""Outcomes that a setting of callbacks may name."""
