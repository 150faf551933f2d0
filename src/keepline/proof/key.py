"""A node's signing key and the name of its log: two small files in its data directory.

`log.key` is secret and signs; `log.pub` may be given to anybody and is what a verifier needs. Whoever can read the key
can sign another history, so what proves a history to others is a checkpoint kept outside the node.
Source: C2SP signed-note (the form of the public key).
"""

import base64
import binascii
import os
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from keepline.model.errors import KeeplineError
from keepline.proof.checkpoint import ALGORITHM, Checkpoint, key_name, sign

KEY_FILE: Final = "log.key"
PUBLIC_FILE: Final = "log.pub"


class NoLogKey(KeeplineError):  # noqa: N818
    """There is no usable key; the text says where it was looked for."""


@dataclass(frozen=True, slots=True)
class LogKey:
    """What signs a log's checkpoints."""

    origin: str
    private: Ed25519PrivateKey

    def note(self, size: int, root: bytes) -> str:
        """A signed statement that the log has this many entries and this root."""
        return sign(Checkpoint(self.origin, size, root), self.private)

    @property
    def public_text(self) -> str:
        """The log's name and public key on one line."""
        public = self.private.public_key()
        name = key_name(self.origin, public).hex()
        return f"{self.origin}+{name}+{base64.b64encode(ALGORITHM + public.public_bytes_raw()).decode()}"


def log_key(data: Path) -> LogKey:
    """The key of a data directory, made where there is none yet. Raises `NoLogKey` where it cannot be used."""
    path = data / KEY_FILE
    try:
        try:
            secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
        except FileNotFoundError:
            secret = _make(path)
        private = Ed25519PrivateKey.from_private_bytes(secret)
    except (OSError, ValueError) as error:
        raise NoLogKey(f"{path} cannot be used: {error}") from None
    key = LogKey(f"keepline/{sha256(private.public_key().public_bytes_raw()).hexdigest()[:12]}", private)
    public = data / PUBLIC_FILE
    if not public.exists():
        public.write_text(key.public_text + "\n", encoding="ascii")
    return key


def _make(path: Path) -> bytes:
    """A new key, whole on the disk before it has its name."""
    secret = Ed25519PrivateKey.generate().private_bytes_raw()
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # whoever was first has made the key
    except FileExistsError:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    finally:
        draft.unlink()
    return secret


def read_public(text: str) -> tuple[str, Ed25519PublicKey]:
    """The log's name and key from the line of `log.pub`. Raises `NoLogKey` for anything else."""
    origin, _, rest = text.strip().partition("+")
    name, _, encoded = rest.partition("+")
    try:
        raw = base64.b64decode(encoded, validate=True)
        public = Ed25519PublicKey.from_public_bytes(raw[1:])
    except (ValueError, binascii.Error):
        raise NoLogKey(f"{text.strip()[:80]!r} is no public key of a log: it is the line of a {PUBLIC_FILE}") from None
    if raw[:1] != ALGORITHM or key_name(origin, public).hex() != name:
        raise NoLogKey(f"the public key of {origin!r} does not belong to its name")
    return origin, public
