"""The limits of calls out over several carriers. See `limits`."""

CARRIERS_MAX = 16
"""Of one operation."""
CARRIER_CALLS_PER_S_MAX = 10_000.0
"""What a carrier may be said to take."""
CALL_BIDS_MAX = 4
"""Carriers that are asked for one call."""
PATH_DELAYS_MAX = 500
"""The latest delays that a p99 is of."""
