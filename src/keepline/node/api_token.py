"""The token of the API: who has it may start flows and tell them of events. It is a file that the node's user can read.

It is made once, at the node's first start, and may be replaced: each request is compared with what the file says then.
"""

import contextlib
import os
from pathlib import Path

FILE_NAME = "api.token"


def make_token(data: Path) -> None:
    """Make sure that there is one; a disk that takes none leaves the API without."""
    with contextlib.suppress(OSError):
        descriptor = os.open(data / FILE_NAME, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(f"{os.urandom(32).hex()}\n")


def read_token(data: Path) -> str:
    """The token; empty where there is none that can be read."""
    try:
        return (data / FILE_NAME).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def is_token(token: str, authorization: str) -> bool:
    """Whether an Authorization header, `Bearer TOKEN`, has it; none is right where there is no token."""
    import hmac  # the supervisor, which makes the file, does without

    scheme, _, given = authorization.partition(" ")
    return bool(token) and scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), given.strip().encode())
