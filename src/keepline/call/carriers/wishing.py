"""What people want of paths, and how those of back offices are, on record: facts that a successor begins with."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from keepline.call.effects import Persist
from keepline.call.effects_path import PathAnswered, PathTold, WishPath
from keepline.call.facts import Fact
from keepline.call.facts.path import PATHS, PathWished
from keepline.call.turn import Turn
from keepline.model.limits_carriers import PATH_WISH_S_MAX, PATH_WORDS_CHARS_MAX
from keepline.model.operation import Operation
from keepline.paths.own_parts import TELEPHONY
from keepline.paths.wishes import Wish, Wished, Wishes

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

RELEASE = "release"
WISHES = (*(wish.value for wish in Wish), RELEASE)
SAID_BY_PEOPLE = tuple(each for each in WISHES if each != Wish.REST.value)


def names_of(operation: Operation) -> list[str]:
    """Every path of an operation by its whole name, carriers first."""
    carriers = [f"{TELEPHONY}/{each.trunk}" for each in operation.outbound.carriers]
    return carriers + [f"{name}/{path.name}" for name, each in operation.capabilities.items() for path in each.paths]


def note(wishes: Wishes, fact: Fact) -> None:
    """Take notice of a fact; those that are no wishes change nothing."""
    if isinstance(fact, PathWished):
        if fact.wish == RELEASE:
            wishes.set(fact.path, None)
        else:
            wishes.set(fact.path, Wished(Wish(fact.wish), fact.until_s, fact.why, fact.by))


class Wishing:
    """The part of the exchange that takes them."""

    __slots__ = ("_exchange",)

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange

    @property
    def handlers(self) -> Mapping[type, Callable[[Turn, Any], None]]:
        """Of the exchange's inputs."""
        return {WishPath: self.on_wish, PathTold: self.on_told}

    def on_told(self, turn: Turn, given: PathTold) -> None:
        """Put on record how a path is: its successor's first callers would else wait for one that is dead."""
        turn.emit(Persist(given.stood))

    def on_wish(self, turn: Turn, given: WishPath) -> None:
        """Put it on record, or say what is wrong with it."""
        turn.emit(PathAnswered(given.asked, self.wish(turn, given)))

    def wish(self, turn: Turn, given: WishPath) -> str:
        """Put it on record; what is wrong with it where that cannot be."""
        exchange = self._exchange
        names = names_of(exchange.programs[exchange.current].operation)
        path = given.path if given.path in names else f"{TELEPHONY}/{given.path}"
        mistake = _mistake_in(given, path, names)
        if not mistake:
            until_s = turn.now_s + given.for_s
            fact = PathWished(PATHS, turn.now_s, path, given.wish, until_s, given.why, given.by)
            turn.emit(Persist(fact, synced=True))
            note(exchange.switchboard.carriers.wishes, fact)
        return mistake


def _mistake_in(given: WishPath, path: str, names: list[str]) -> str:
    if path not in names:
        return f"there is no path {given.path!r}; there are {', '.join(names) or 'none'}"
    if given.wish not in WISHES:
        return f"{given.wish!r} is nothing that can be wished: write one of {', '.join(SAID_BY_PEOPLE)}"
    if given.wish == RELEASE:
        return ""
    if not 0 < given.for_s <= PATH_WISH_S_MAX:
        return f"it holds for up to {PATH_WISH_S_MAX // 86_400} days, not {given.for_s:g} s"
    if not given.why.strip() or len(given.why) > PATH_WORDS_CHARS_MAX or len(given.by) > PATH_WORDS_CHARS_MAX:
        return f"say why, in up to {PATH_WORDS_CHARS_MAX} characters"
    return ""
