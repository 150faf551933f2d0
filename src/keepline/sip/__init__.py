"""The Session Initiation Protocol as machines and values: bytes in, bytes out. No sockets, no clock, no randomness."""
