"""What `calls` and `media` say to one another about keys that are private, and how it stands in their records.

Commands take the records of `mediawire`. What a secret is goes back in a datagram of its own that is overwritten once
it is sent; every other word of media is about how many keys there are.
"""

from dataclasses import dataclass, field
from struct import Struct
from typing import Final

from keepline.model.errors import LocalError
from keepline.model.limits import SECRET_COUNT_MAX
from keepline.rtp.entry import CHECKS, EntryState

REVEALED_MAGIC: Final = b"KLR1"
SECRET_KIND_FIRST: Final = 32
"""Kinds of commands from here on are these."""
SECRET_NEWS_KIND: Final = 32
_ASK, _END, _LISTEN_OPENLY, _KEY, _DROP, _REVEAL = range(SECRET_KIND_FIRST, SECRET_KIND_FIRST + 6)
_REVEALED: Final = Struct(f"!4sIQIB{SECRET_COUNT_MAX}s")


@dataclass(frozen=True, slots=True)
class AskSecret:
    """Keys are private from here on, and the next ones an entry; the keys of the ring are overwritten."""

    call: int
    slot: int
    number: int
    """Entries and `ListenOpenly` of one call are numbered upwards; one that is not above the last is ignored, and what
    became of the last is told again."""
    handle: int
    """What the entry is known by once it is answered; one before of the same handle is forgotten."""
    count: int
    min_count: int
    terminator: str
    check: str


@dataclass(frozen=True, slots=True)
class EndSecret:
    """The time for an entry is over."""

    call: int
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class ListenOpenly:
    """Keys are anybody's again; private ones that belong to no entry are forgotten."""

    call: int
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class KeySecret:
    """A key that came by INFO; ignored where the stream does not listen in private, and where it had this INFO's."""

    call: int
    slot: int
    number: int
    """The CSeq of the INFO."""
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class DropSecret:
    """Overwrite what this handle stands for."""

    call: int
    slot: int
    number: int
    handle: int


@dataclass(frozen=True, slots=True)
class Reveal:
    """Answer with what this handle stands for."""

    call: int
    slot: int
    number: int
    """Of the request; its answer has it."""
    handle: int


@dataclass(frozen=True, slots=True)
class SecretNews:
    """What there is of an entry; the slot says the same."""

    call: int
    slot: int
    number: int
    state: EntryState
    count: int


SecretCommand = AskSecret | EndSecret | ListenOpenly | KeySecret | DropSecret | Reveal
SecretHead = tuple[int, int, int, int, int, int, int, int, int]
"""The first fields of a command's record: kind, flags, two bytes, slot, number, call, 32 bits, 16 bits."""


def secret_head(command: SecretCommand) -> SecretHead:
    """What the record of a command begins with; the rest of it is zeros. `ValueError` for what does not fit."""
    ends = (command.slot, command.number, command.call)
    if isinstance(command, AskSecret):
        if not 0 < command.count <= SECRET_COUNT_MAX:
            raise ValueError(f"an entry of {command.count} keys")
        check, terminator = CHECKS.index(command.check), ord(command.terminator or "\0")
        return (_ASK, check, command.count, command.min_count, *ends, command.handle, terminator)
    if isinstance(command, KeySecret):
        return (_KEY, 0, ord(command.key), 0, *ends, 0, 0)
    if isinstance(command, EndSecret | ListenOpenly):
        return (_END if isinstance(command, EndSecret) else _LISTEN_OPENLY, 0, 0, 0, *ends, 0, 0)
    return (_DROP if isinstance(command, DropSecret) else _REVEAL, 0, 0, 0, *ends, command.handle, 0)


def secret_command(head: SecretHead) -> SecretCommand:
    """The command whose record begins so; `LocalError` for none."""
    kind, check, first, second, slot, number, call, handle, terminator = head
    if kind == _ASK and check < len(CHECKS) and 0 < first <= SECRET_COUNT_MAX:
        ends_it = chr(terminator) if terminator else ""
        return AskSecret(call, slot, number, handle, first, second, ends_it, CHECKS[check])
    if kind == _KEY:
        return KeySecret(call, slot, number, chr(first))
    if kind in (_END, _LISTEN_OPENLY):
        return EndSecret(call, slot, number) if kind == _END else ListenOpenly(call, slot, number)
    if kind in (_DROP, _REVEAL):
        return (DropSecret if kind == _DROP else Reveal)(call, slot, number, handle)
    raise LocalError(f"media command of kind {kind}")


def encode_revealed(epoch: int, request: Reveal, digits: bytearray | None) -> bytearray:
    """The datagram that answers a `Reveal`, the caller's to overwrite; None for a handle that stands for nothing."""
    made = bytearray(_REVEALED.size)
    length = 255 if digits is None else len(digits)
    _REVEALED.pack_into(made, 0, REVEALED_MAGIC, epoch, request.call, request.number, length, b"")
    if digits is not None:
        first = _REVEALED.size - SECRET_COUNT_MAX
        made[first : first + len(digits)] = digits
    return made


def decode_revealed(data: bytes) -> tuple[int, int, str | None]:
    """The call, the request's number and what its handle stands for; `LocalError` for what is no such datagram."""
    if len(data) != _REVEALED.size:
        raise LocalError(f"media datagram of {len(data)} bytes")
    _, _, call, number, length, digits = _REVEALED.unpack(data)
    return call, number, None if length == 255 else digits[:length].decode("ascii")
