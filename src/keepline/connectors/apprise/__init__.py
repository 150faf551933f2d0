"""Chats, pagers, text messages and all else that the library apprise speaks to."""
