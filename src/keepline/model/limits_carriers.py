"""The limits of calls out over several carriers. See `limits`."""

CARRIERS_MAX = 16
"""Of one operation."""
CARRIER_CALLS_PER_S_MAX = 10_000.0
"""What a carrier may be said to take."""
CALL_BIDS_MAX = 4
"""Carriers that are asked for one call."""
PATH_DELAYS_MAX = 500
"""The latest delays that a p99 is of."""
PATH_ADDRESSES_MISSED_MAX = 16
"""Addresses of one path that are remembered for not having answered: all of more are taken to be silent."""
PATH_WISHES_MAX = 100
"""Paths of which people want something at one time; of more the one that ends first is forgotten."""
PATH_WISH_S_MAX = 7 * 86_400
"""How long a wish may hold: what holds for ever belongs in the operation file."""
PATH_WORDS_CHARS_MAX = 500
"""Of the reason for a wish, and of the name of who wishes."""
STANDINGS_READ_MAX = 200
"""The latest words on how carriers were that a start reads."""
