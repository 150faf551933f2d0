"""What is asked of media about keys that are private. Frozen values, as in `effects`."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class CollectSecret:
    """Keys are an entry that nobody sees from here on; its news are `SecretHeard`. Idempotent by (call, number)."""

    call: str
    slot: int
    number: int
    handle: int
    """What the entry is known by once it is answered."""
    count: int
    min_count: int
    terminator: str
    check: str


@dataclass(frozen=True, slots=True)
class EndSecretEntry:
    """The time for an entry is over; `SecretHeard` says what came of it. One that media knows nothing of is lost, and
    keys go nowhere until the next one: so it is after media's memory was lost.
    """

    call: str
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class HearOpenly:
    """Keys are for everybody again. Idempotent by (call, number), the numbers being those of entries."""

    call: str
    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class PassSecretKey:
    """A key that came by INFO, on its way to media before its INFO is answered. Idempotent by (call, CSeq)."""

    call: str
    slot: int
    cseq: int
    key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ForgetSecrets:
    """Overwrite what these handles stand for."""

    call: str
    slot: int
    handles: tuple[int, ...]


SecretEffect = CollectSecret | EndSecretEntry | HearOpenly | PassSecretKey | ForgetSecrets
