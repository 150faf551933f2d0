"""Signed statements of what the log was: its size and its root, under the node's key.

A checkpoint is a text that a person can read, send and keep: a *signed note* with three lines and one Ed25519
signature. Kept outside the node it is what proves that nothing was cut off since.
Source: C2SP tlog-checkpoint and signed-note; RFC 8032.
"""

import base64
import binascii
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keepline.model.errors import PeerError

ALGORITHM: Final = b"\x01"
"""Ed25519, in the numbering of signed notes."""
DASH: Final = "\N{EM DASH} "
NOTE_CHARS_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The log had this many entries, and then this root."""

    origin: str
    """Which log: one line, no spaces at its ends."""
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class SignedCheckpoint:
    """A checkpoint as the journal keeps it."""

    size: int
    at_s: float
    """When it was signed, seconds since the epoch."""
    note: str


def key_name(origin: str, public: Ed25519PublicKey) -> bytes:
    """The four bytes that say which key a signature is of."""
    return sha256(origin.encode() + b"\n" + ALGORITHM + public.public_bytes_raw()).digest()[:4]


def text_of(checkpoint: Checkpoint) -> str:
    """What is signed."""
    return f"{checkpoint.origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n"


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The checkpoint as a signed note."""
    text = text_of(checkpoint)
    signed = key_name(checkpoint.origin, key.public_key()) + key.sign(text.encode())
    return f"{text}\n{DASH}{checkpoint.origin} {base64.b64encode(signed).decode()}\n"


def read_note(note: str) -> Checkpoint:
    """What a note says, whoever signed it. Raises `PeerError` where it is none."""
    lines = note[:NOTE_CHARS_MAX].split("\n")
    try:
        origin, size, root = lines[0], int(lines[1]), base64.b64decode(lines[2], validate=True)
    except (IndexError, ValueError, binascii.Error):
        raise PeerError("no checkpoint: three lines are wanted, origin, size and root") from None
    if not origin or size < 0 or len(root) != 32 or lines[1] != str(size):
        raise PeerError("no checkpoint: three lines are wanted, origin, size and root")
    return Checkpoint(origin, size, root)


def verify(note: str, public: Ed25519PublicKey) -> Checkpoint:
    """What a note says, signed by this key. Raises `PeerError` where it is none, or not."""
    checkpoint = read_note(note)
    text, separator, signatures = note.partition("\n\n")
    if not separator or text + "\n" != text_of(checkpoint):
        raise PeerError("no checkpoint: three lines, an empty one and signatures are wanted")
    name = key_name(checkpoint.origin, public)
    for line in signatures.split("\n"):
        try:
            signed = base64.b64decode(line.rpartition(" ")[2], validate=True)
        except (ValueError, binascii.Error):
            continue
        if not line.startswith(f"{DASH}{checkpoint.origin} ") or signed[:4] != name:
            continue
        try:
            public.verify(signed[4:], (text + "\n").encode())
        except InvalidSignature:
            raise PeerError(f"the signature of the checkpoint of {checkpoint.size} entries is false") from None
        return checkpoint
    raise PeerError(f"the checkpoint of {checkpoint.size} entries is not signed by this key")
