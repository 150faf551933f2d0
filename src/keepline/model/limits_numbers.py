"""The limits of numbers and of what points them. See `limits`."""

NUMBER_ADDRESSES_MAX = 8
"""Of ours that a carrier tries in order."""
NUMBER_PAUSE_S_MIN = 1.0
"""Before a request that came to nothing is made again; doubles each time,"""
NUMBER_PAUSE_S_MAX = 60.0
"""up to this."""
NUMBER_REFUSED_S_MIN = 30.0
"""Before another request is made where one was refused; doubles each time,"""
NUMBER_REFUSED_S_MAX = 900.0
"""up to this."""
NUMBER_HOLD_S_MAX = 3_600.0
"""A number that has moved often within the hour is held away for longer, up to this or its own `hold_s`."""
NUMBER_WORDS_CHARS_MAX = 500
"""Of the reason for a move, and of the name of who wants it."""
NUMBERS_TOLD_MAX = 200
"""In one answer of a node, which is one message."""
