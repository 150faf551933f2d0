"""Facts of calls whose node died as a whole, and came back: what was in media's memory is gone. See `facts`."""

from dataclasses import replace
from typing import ClassVar, Self

from keepline.model.frozen import frozen


@frozen
class CallInterrupted:
    """The node had died with its media: the stream is opened anew, and media counts digits from 0 again."""

    kind: ClassVar[str] = "call_interrupted.1"
    call: str
    at_s: float
    seeks_peer: bool
    """It is looked whether the other side is still there."""
    lost_keys: bool = True
    """What was keyed may be lost; not where media had never heard of the call, whose packets waited for it."""


@frozen
class PeerAsked:
    """Nothing was heard of the other side: it is asked by an OPTIONS within the call, as sent."""

    kind: ClassVar[str] = "peer_asked.1"
    call: str
    at_s: float
    request: str
    cseq: int


@frozen
class PeerFound:
    """The other side is still there."""

    kind: ClassVar[str] = "peer_found.1"
    call: str
    at_s: float
    by: str
    """rtp, or the status of its answer."""


InterruptedFact = CallInterrupted | PeerAsked | PeerFound
INTERRUPTED_TYPES: tuple[type[InterruptedFact], ...] = (CallInterrupted, PeerAsked, PeerFound)


@frozen
class Interruption:
    """The last one of a call, as its facts have it."""

    began: CallInterrupted | None = None
    asked: PeerAsked | None = None
    found: PeerFound | None = None
    cseq_sent: int = 0
    """Of the last OPTIONS of ours."""

    def after(self, fact: InterruptedFact) -> Self:
        """With one fact more."""
        if isinstance(fact, CallInterrupted):
            return replace(self, began=fact, asked=None, found=None)
        if isinstance(fact, PeerAsked):
            return replace(self, asked=fact, cseq_sent=fact.cseq)
        return replace(self, found=fact)

    @property
    def seeks_peer(self) -> bool:
        """Nobody knows yet whether the other side is there."""
        return self.began is not None and self.began.seeks_peer and self.found is None
