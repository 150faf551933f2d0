"""Limits of messages, contacts and the status page; the others are in `limits`."""

MESSAGE_TEXT_CHARS_MAX = 2_000
"""Of one text of a set, and of one that is edited."""
MESSAGE_SUBJECT_CHARS_MAX = 150
CONTACTS_MAX = 150
"""Of an operation; each is one delivery of a message."""
CONTACT_CHANNELS_MAX = 6
STATUS_COMPONENTS_MAX = 50
