"""The vocabulary every other package shares: the operation, limits, errors and identifiers. Pure."""
