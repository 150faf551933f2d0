"""How a fact is stored in the journal. The file and its tables are `journal_schema`'s."""

import dataclasses
from typing import Final

import msgspec

from keepline.call.facts import FACT_TYPES, Fact
from keepline.model.errors import LocalError
from keepline.node.journal_schema import (
    FACTS_OF_CALLS,
    FILE_NAME,
    SCHEMA_VERSION,
    EpochOver,
    JournalFailed,
    connect,
    create,
    next_epoch,
    sync_directory,
)

__all__ = [
    "FACTS_OF_CALLS",
    "FILE_NAME",
    "SCHEMA_VERSION",
    "EpochOver",
    "JournalFailed",
    "connect",
    "create",
    "decode",
    "encode",
    "next_epoch",
    "sync_directory",
]

_DECODERS: Final = {kind.kind: msgspec.json.Decoder(kind) for kind in FACT_TYPES}
_encode = msgspec.json.Encoder().encode


def encode(fact: Fact) -> bytes:
    """One fact as it is stored. Text that is no Unicode (half a surrogate pair) is stored with question marks."""
    try:
        return _encode(fact)
    except UnicodeEncodeError:
        fields: dict[str, str | int | float] = dataclasses.asdict(fact)
        return _encode({name: _mended(value) for name, value in fields.items()})


def _mended(value: str | int | float) -> str | int | float:
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def decode(kind: str, body: bytes) -> Fact:
    """One stored fact. Raises `LocalError` for a kind this version does not know, and for what is no fact."""
    decoder = _DECODERS.get(kind)
    if decoder is None:
        raise LocalError(f"the journal holds a fact of kind {kind!r}, which this version does not know")
    try:
        return decoder.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise LocalError(f"the journal holds a fact of kind {kind!r} that cannot be read: {error}") from None
