"""What is known of a call that we place, as far as its facts say: the INVITE in work, and what became of it. A fold."""

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
from keepline.sip.peers import Address, peer_at


class Placing:
    """Only the call's `apply` changes it."""

    __slots__ = (
        "alternatives",
        "attempts",
        "cancelled",
        "cseq",
        "early",
        "early_at_s",
        "forks",
        "has_provisional",
        "invite",
        "invite_at_s",
        "peer",
        "progress",
        "refused",
        "retried",
        "status",
        "targets",
        "unproven",
    )

    def __init__(self, placed: CallPlaced) -> None:
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
        else:
            self.forks = (*self.forks, fact)
