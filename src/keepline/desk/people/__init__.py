"""Who uses the desk: accounts, sessions, API tokens, and the guard that stands before every route.

Everything is in `people.db` in the data directory, hashed where a hash will do; decisions are facts of the journal.
"""
