"""What is sent to a witness, and how a witness fails."""

from dataclasses import dataclass
from pathlib import Path

from keepline.model.errors import KeeplineError
from keepline.proof.checkpoint import SignedCheckpoint


class WitnessFailed(KeeplineError):  # noqa: N818 - an outcome of an attempt
    """The witness did not take it; the text says what it said."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """One checkpoint on its way."""

    origin: str
    """The name of the log."""
    checkpoint: SignedCheckpoint
    now_s: float
    data: Path
    """The node's own data directory: a witness on its file system is worth less."""

    @property
    def key(self) -> str:
        """The same for every attempt with this checkpoint, and for no other."""
        return f"{self.origin.replace('/', '.')}.{self.checkpoint.size}"
