"""What can go wrong, by whose fault it is.

An expected failure (busy, carrier down, card declined) is a value, not an exception. Of the exceptions,
`LocalError` is our bug and `PeerError` is the other side's; bytes from a peer never raise a `LocalError`.
"""

from dataclasses import dataclass


class KeeplineError(Exception):
    """The root of everything that Keepline raises on purpose."""


class LocalError(KeeplineError):
    """A bug of ours: a machine was driven in a way that its callers must never drive it."""


class PeerError(KeeplineError):
    """The other side broke its protocol.

    `status` is the SIP status to answer a request with (RFC 3261 §21); for a response there is nothing to
    answer and the message is dropped.
    """

    def __init__(self, what: str, status: int = 400) -> None:
        super().__init__(what)
        self.status = status


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One mistake of a person in a file, as `keepline check` prints it."""

    file: str
    line: int
    """1-based."""
    column: int
    """1-based."""
    field: str
    """Dotted path of the field in the file, `numbers.1000.flow`."""
    wrong: str
    right: str
    """What would be right."""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.field}: {self.wrong}; {self.right}"


class OperationError(KeeplineError):
    """An operation file that cannot be used; it carries every mistake found, in the order of the file."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = mistakes
