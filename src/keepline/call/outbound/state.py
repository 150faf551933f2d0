"""What is known of a call that we place, as far as its facts say: the INVITE in work, and what became of it. A fold.

Of a call over several carriers each bid has one of these; the call's own is that of the bid that leads.
"""

from keepline.call.facts.bid import BidEnded, BidPlaced
from keepline.call.facts.placed import (
    CallCancelled,
    CallPlaced,
    CallProgressed,
    CallRefused,
    CallRetried,
    ForkAnswered,
    PlacedFact,
)
from keepline.call.terms import Terms
from keepline.sip.message import Request
from keepline.sip.peers import Address, peer_at


class Placing:
    """Only the call's `apply` changes it."""

    __slots__ = (
        "abandoned",
        "alternatives",
        "attempts",
        "begun",
        "bid",
        "cancelled",
        "carrier",
        "cseq",
        "declined",
        "early",
        "early_at_s",
        "ended",
        "forks",
        "has_provisional",
        "invite",
        "invite_at_s",
        "is_over",
        "is_routed",
        "peer",
        "progress",
        "refused",
        "remote_tag",
        "request",
        "resumed_at_s",
        "retried",
        "status",
        "targets",
        "told",
        "unproven",
    )

    def __init__(self, placed: CallPlaced | BidPlaced) -> None:
        self.begun = placed
        self.carrier = placed.carrier
        self.bid = placed.bid if isinstance(placed, BidPlaced) else 0
        self.request: Request | None = None
        """Its INVITE in work, while it does not lead; of one that does, the call has it."""
        self.remote_tag = ""
        """While it does not lead."""
        self.is_routed = not isinstance(placed, CallPlaced) or placed.is_routed
        """Other carriers may be asked."""
        self.abandoned = self.is_over = False
        self.ended: BidEnded | None = None
        self.declined = ""
        """Its answer that was hung up on."""
        self.told = ""
        """What the carrier's health was told of it last, by this process."""
        self.resumed_at_s = 0.0
        """When this process took it up: what waited for it is heard before it is judged."""
        self.invite = placed.invite
        """The one in work."""
        self.invite_at_s = placed.at_s
        self.cseq = placed.cseq
        self.peer: Address = peer_at(placed.peer_host, placed.peer_port, placed.transport)
        self.targets = placed.targets
        self.alternatives: tuple[str, ...] = ()
        self.attempts = 1
        self.retried: tuple[CallRetried, ...] = ()
        self.unproven = 0
        """From which of them on the INVITE answers challenges."""
        self.has_provisional = False
        self.status = 0
        """Of the last provisional answer to it."""
        self.progress = 0
        """Provisional answers on record."""
        self.early: Terms | None = None
        self.early_at_s: float | None = None
        """When media first opened before the answer."""
        self.cancelled: CallCancelled | None = None
        self.refused: CallRefused | None = None
        self.forks: tuple[ForkAnswered, ...] = ()

    def apply(self, fact: PlacedFact) -> None:
        """What a fact says of it."""
        if isinstance(fact, CallProgressed):
            self.has_provisional = True
            self.status = fact.status
            self.progress += 1
            if fact.terms is not None:
                self.early = fact.terms
                self.early_at_s = fact.at_s if self.early_at_s is None else self.early_at_s
        elif isinstance(fact, CallRetried):
            self.invite, self.invite_at_s, self.cseq = fact.invite, fact.at_s, fact.cseq
            self.peer = peer_at(fact.peer_host, fact.peer_port, fact.transport)
            self.targets, self.alternatives = fact.targets, fact.alternatives
            self.attempts += 1
            self.retried = (*self.retried, fact)
            self.unproven = self.unproven if fact.cnonce else len(self.retried)
            self.has_provisional, self.status = False, 0
        elif isinstance(fact, CallCancelled):
            self.cancelled = fact
        elif isinstance(fact, CallRefused):
            self.refused = fact
        elif isinstance(fact, ForkAnswered):
            self.forks = (*self.forks, fact)
