"""Where every number points, folded from facts: what a process that takes over goes on with.

One request a number at a time: it is made until it is done, refused, or let go of because it was never sent. So at no
time are there two that could be done in the wrong order. The book refuses to know time and effects.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from enum import Enum
from hashlib import blake2b
from typing import Final

from keepline.call.facts.number import NumberAsked, NumberFact, NumberLeft, NumberPointed, NumberTried

AWAY, HOME = "away", "home"
MOVES_KEPT: Final = 16
"""Of the latest times that a number has moved away."""


class NumberState(Enum):
    """Where a number points."""

    HOME = "home"
    MOVING = "moving"
    """It is asked to point away; it may do so already."""
    AWAY = "away"
    RETURNING = "returning"
    """It is asked to point home; it may do so already."""


class NumberEvent(Enum):
    """What a fact is to it."""

    ASKED_AWAY = "asked away"
    ASKED_HOME = "asked home"
    TRIED = "tried"
    POINTED = "pointed"
    LEFT = "left"


H, M, A, R = NumberState.HOME, NumberState.MOVING, NumberState.AWAY, NumberState.RETURNING
E = NumberEvent
TRANSITIONS: Final[dict[tuple[NumberState, NumberEvent], NumberState]] = {
    (H, E.ASKED_AWAY): M,
    (H, E.ASKED_HOME): R,  # a person wants it to be made sure
    (M, E.TRIED): M,
    (M, E.POINTED): A,
    (M, E.LEFT): H,  # or away, where it was there before
    (A, E.ASKED_HOME): R,
    (A, E.ASKED_AWAY): M,  # a person wants it to be made sure
    (R, E.TRIED): R,
    (R, E.POINTED): H,
    (R, E.LEFT): A,  # or home
}
"""Of pairs that are absent nothing follows: they are of a request that is over. A request never begins in another."""


class NumberStanding:
    """One number, as its facts have it. Only `apply` changes it."""

    __slots__ = ("asked", "before", "left", "moves", "pinned", "pointed", "refusals", "state", "tries", "was_sent")

    def __init__(self) -> None:
        self.state = NumberState.HOME
        self.before = NumberState.HOME
        """Where it pointed when the request began."""
        self.asked: NumberAsked | None = None
        """The last request, under way or over."""
        self.tries: NumberTried | None = None
        """Its last attempt that came to nothing."""
        self.was_sent = False
        """An attempt of it may have been done."""
        self.pointed: NumberPointed | None = None
        """When it came to where it is."""
        self.left: NumberLeft | None = None
        """The last request, where it came to nothing."""
        self.refusals = 0
        """In a row."""
        self.pinned = ""
        """Where a person has put it: it stays there. Empty where the node decides."""
        self.moves: deque[float] = deque(maxlen=MOVES_KEPT)
        """When it came to point away, the latest ones."""

    @property
    def open(self) -> NumberAsked | None:
        """The request that is under way."""
        return self.asked if self.state in (M, R) else None

    @property
    def requests(self) -> int:
        """How many there were."""
        return self.asked.request if self.asked is not None else 0

    @property
    def attempts(self) -> int:
        """At the request that is under way, all of which came to nothing."""
        return self.tries.attempt if self.tries is not None else 0

    @property
    def next_at_s(self) -> float:
        """When its request is made again, or another one may be made; 0 for at once."""
        if self.open is not None:
            return self.tries.next_at_s if self.tries is not None else 0.0
        return self.left.next_at_s if self.left is not None else 0.0

    @property
    def since_s(self) -> float | None:
        """Since when it stands like this; None: for as long as anybody knows."""
        if self.open is not None:
            return self.open.at_s
        return self.pointed.at_s if self.pointed is not None else None

    def apply(self, fact: NumberFact) -> bool:
        """Fold one fact; False where it changes nothing."""
        is_old = not isinstance(fact, NumberAsked) and fact.request != self.requests
        following = None if is_old else TRANSITIONS.get((self.state, _event_of(fact)))
        if following is None:
            return False
        if isinstance(fact, NumberAsked):
            self.before, self.asked, self.tries, self.was_sent = self.state, fact, None, False
            self.pinned = fact.to if fact.by else ""
        elif isinstance(fact, NumberTried):
            self.tries, self.was_sent = fact, self.was_sent or fact.was_sent
        elif isinstance(fact, NumberPointed):
            self.pointed, self.left, self.refusals = fact, None, 0
            if following is A and self.before is not A:
                self.moves.append(fact.at_s)
        elif isinstance(fact, NumberLeft):
            following = self.before
            self.left, self.refusals = fact, self.refusals + 1 if fact.next_at_s else 0
            self.pinned = ""
        self.state = following
        return True


def _event_of(fact: NumberFact) -> NumberEvent:
    if isinstance(fact, NumberAsked):
        return E.ASKED_AWAY if fact.to == AWAY else E.ASKED_HOME
    if isinstance(fact, NumberTried):
        return E.TRIED
    return E.POINTED if isinstance(fact, NumberPointed) else E.LEFT


class NumberBook:
    """Every number that anything is on record of."""

    __slots__ = ("_standings",)

    def __init__(self, facts: Iterable[object] = ()) -> None:
        """Facts of other things are passed over."""
        self._standings: dict[str, NumberStanding] = {}
        for fact in facts:
            self.note(fact)

    def __iter__(self) -> Iterator[tuple[str, NumberStanding]]:
        return iter(list(self._standings.items()))

    def of(self, number: str) -> NumberStanding:
        """Where a number stands."""
        found = self._standings.get(number)
        if found is None:
            found = self._standings[number] = NumberStanding()
        return found

    def note(self, fact: object) -> bool:
        """Take notice of a fact, of whatever kind; whether it changed anything."""
        return isinstance(fact, NumberFact) and self.of(fact.number).apply(fact)


def key_of(number: str, request: int, at_s: float) -> str:
    """The idempotency key of a request; no other one has it, nor one of a journal before this."""
    words = f"{number}\0{request}\0{at_s:.6f}"
    return "n" + blake2b(words.encode(), digest_size=12).hexdigest()
