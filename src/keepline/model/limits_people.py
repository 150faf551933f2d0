"""The bounds of accounts, sessions and tokens of the desk, as `limits` has the others. Each is reached by a test."""

ACCOUNTS_MAX = 500
"""Accounts of one node; one more is refused."""
ACCOUNT_NAME_CHARS_MAX = 40
PASSWORD_CHARS_MIN = 12
PASSWORD_CHARS_MAX = 200
"""More would only be work for who checks it."""
SESSIONS_PER_ACCOUNT_MAX = 20
"""One more ends the oldest."""
SESSION_IDLE_S = 2 * 3_600.0
"""Nobody has asked for anything for so long: an open page that follows the node asks for nothing."""
SESSION_S_MAX = 12 * 3_600.0
"""A session ends so long after its login, whatever is done in it: a shift."""
SESSION_NOTED_EVERY_S = 60.0
"""How often it is written down that a session is in use."""
TOKENS_MAX = 200
"""API tokens that can be used; one more is refused."""
TOKEN_S_MAX = 366 * 86_400.0
FIRST_LINK_S = 24 * 3_600.0
"""How long the link holds by which the first account is made."""
RECOVERY_CODES = 10
FAILURES_FREE = 5
"""Wrong passwords for one account, before each further one costs a wait,"""
ADDRESS_FAILURES_FREE = 20
"""and from one address."""
LOCKED_S_FIRST = 30.0
"""The first wait; each further failure doubles it,"""
LOCKED_S_MAX = 900.0
"""up to this."""
FAILURES_FORGOTTEN_S = 3_600.0
"""Without a failure for so long, all are forgotten."""
LOCKOUTS_MAX = 5_000
"""Accounts and addresses whose failures are remembered, each; the oldest that is not locked goes first."""
LOGINS_AT_ONCE_MAX = 8
"""Passwords that wait to be checked; one more is asked to come again. One at a time is."""
PEOPLE_REQUESTS_PER_MINUTE_MAX = 120
"""Changes by one person or token; one more is asked to come again."""
DECISIONS_UNTOLD_MAX = 5_000
"""Decisions that wait for the journal; one more is refused."""
PEOPLE_WORDS_CHARS_MAX = 300
"""Of a reason."""
DECISIONS_KNOWN_MAX = 500
"""The latest decisions: told again, one of these is not written again, and what waits is looked for among them."""
APPROVAL_S_MAX = 86_400
"""An action waits for a second person for up to a day."""
APPROVALS_MAX = 50
"""Actions that wait at once; one more is refused."""
GLASS_CODES_MAX = 5
"""Sealed codes that can be used; one more is refused."""
GLASS_S = 30 * 60.0
"""How long who has broken the glass is an admin."""
GLASS_LINK_S = 5 * 60.0
"""How long the link of the machine's own shell holds."""
