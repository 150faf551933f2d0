"""What of a fact is in the log: its number, its kind, its call, and a salted digest of what it says.

What a fact says may name people, and people may ask to be forgotten. So the log holds a digest with a salt: when the
fact's words and its call's salt are erased, the log still proves that there was a fact, and nobody can guess it.
"""

from hashlib import sha256
from typing import Final

SALT_BYTES: Final = 16
HEADER: Final = b"keepline fact 1\n"


def digest_of(salt: bytes, seq: int, body: bytes) -> bytes:
    """The digest of the stored words of fact `seq`, under the salt of its call: 32 bytes."""
    return sha256(salt + seq.to_bytes(8, "big") + body).digest()


def entry_of(seq: int, kind: str, call: str, digest: bytes) -> bytes:
    """The log's entry of a fact: what its leaf is the hash of."""
    return b"%b%d\n%b\n%b\n%b" % (HEADER, seq, kind.encode(), call.encode(), digest)
