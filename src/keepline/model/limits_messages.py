"""Limits of messages, contacts and the status page; the others are in `limits`."""

MESSAGE_TEXT_CHARS_MAX = 2_000
"""Of one text of a set, and of one that is edited."""
MESSAGE_SUBJECT_CHARS_MAX = 150
CONTACTS_MAX = 150
"""Of an operation; each is one delivery of a message."""
CONTACT_CHANNELS_MAX = 6
STATUS_COMPONENTS_MAX = 50
STATUS_HISTORY_MAX = 200
"""Incidents that the status page keeps; the oldest that is over goes first."""
STATUS_UPDATES_MAX = 100
"""Of one incident on the status page: the first one stays, and the latest."""
STATUS_REQUESTS_MAX = 64
"""That the status page's process answers at once; the next one waits until one is done."""
DELIVERY_ATTEMPTS_MAX = 4
"""Of one delivery by one channel; the pauses between them double, and the next channel follows."""
MESSAGES_KEPT_MAX = 500
"""Messages that a process knows; of those before, the journal tells."""
MESSAGE_WORDS_CHARS_MAX = 200
"""Of a name and a reason."""
