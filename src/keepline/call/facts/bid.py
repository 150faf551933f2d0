"""Facts of a call that we place over several carriers. See `facts`.

A *bid* is one carrier being asked for one call. The first is the call's own INVITE and has no fact here; of several,
one *leads*: what `CallProgressed`, `CallRetried` and `CallAnswered` say is of that one.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class BidPlaced:
    """Another carrier is asked, in place of the one before or beside it."""

    kind: ClassVar[str] = "bid_placed.1"
    call: str
    at_s: float
    bid: int
    """Its number: the call's own INVITE is 0."""
    carrier: str
    why: str
    """What made us ask another one, and why it is this one."""
    peer_host: str
    peer_port: int
    transport: str
    invite: str
    """As sent: a Call-ID and CSeqs of its own, the same offer."""
    cseq: int
    is_hedge: bool
    """Beside one that may still answer."""
    targets: tuple[tuple[str, int], ...] = ()
    """Where else it may go."""
    remote_tag: str = ""
    """Nobody's yet."""


@dataclass(frozen=True, slots=True)
class BidHeard:
    """The first provisional answer to a bid that does not lead: from here on it may be cancelled (RFC 3261 §9.1)."""

    kind: ClassVar[str] = "bid_heard.1"
    call: str
    at_s: float
    bid: int
    status: int


@dataclass(frozen=True, slots=True)
class BidLed:
    """This bid leads from here on."""

    kind: ClassVar[str] = "bid_led.1"
    call: str
    at_s: float
    bid: int
    why: str


@dataclass(frozen=True, slots=True)
class BidAbandoned:
    """Whatever comes of this bid is of no use: it is cancelled as soon as it may be, and its INVITE not sent again."""

    kind: ClassVar[str] = "bid_abandoned.1"
    call: str
    at_s: float
    bid: int
    why: str


@dataclass(frozen=True, slots=True)
class BidEnded:
    """A bid is over without an answer."""

    kind: ClassVar[str] = "bid_ended.1"
    call: str
    at_s: float
    bid: int
    status: int
    """0 where nobody answered."""
    why: str
    """Whose fault it is, and what it means."""
    response: str = ""
    is_held: bool = False
    """It may speak of another bid of ours: it counts once nothing comes of the others."""


@dataclass(frozen=True, slots=True)
class BidDeclined:
    """A bid was answered that is not wanted any more: acknowledged, and hung up at once."""

    kind: ClassVar[str] = "bid_declined.1"
    call: str
    at_s: float
    bid: int
    response: str


@dataclass(frozen=True, slots=True)
class UnresolvedBid:
    """Part of `CallEnded`: an INVITE that was abandoned, and of which the end was not heard."""

    invite: str
    peer_host: str
    peer_port: int
    transport: str
    may_be_cancelled: bool
    """It had a provisional answer."""


BidFact = BidPlaced | BidHeard | BidLed | BidAbandoned | BidEnded | BidDeclined
BID_TYPES: tuple[type[BidFact], ...] = (BidPlaced, BidHeard, BidLed, BidAbandoned, BidEnded, BidDeclined)
