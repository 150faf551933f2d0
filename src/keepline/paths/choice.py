"""Which path is taken: a pure function of how the paths are, how busy they are, and what the operation prefers.

Health orders the paths before their own order does, and never leaves a caller without any: where every breaker is open
the best of them is tried, and said to be the last resort. Limits are hard: what is full is not chosen, last or not.
What people want orders them too, and leaves no caller without any either.
Chance is an argument, `ticket`, so that the same question has the same answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from keepline.paths.health import Breaker, Condition, PathView
from keepline.paths.wishes import WORDS, Wish, Wished

ALL: Final[Mapping[str, float]] = {}
"""Every path may be chosen by every request."""
_MIXED: Final = 977.0
"""A ticket decides about weights too: what it says of shares must not follow from that."""
NOTHING_WISHED: Final[Mapping[str, Wished]] = {}


@dataclass(frozen=True, slots=True)
class PathOption:
    """A path as the operation has it."""

    name: str
    order: int = 0
    """Lower ones first; those of one order share the load by their weights."""
    weight: int = 1
    """0: only where every other of its order fails."""
    in_flight_max: int | None = None
    per_s_max: float | None = None
    """Attempts begun in any second."""


@dataclass(frozen=True, slots=True)
class PathLoad:
    """How busy a path is."""

    in_flight: int = 0
    begun_last_s: int = 0
    """In the last second."""


class Fitness(IntEnum):
    """What is chosen before what, whatever the order of the paths."""

    PREFERRED = 0
    """People want it."""
    GOOD = 1
    """Healthy, or not known to be otherwise."""
    TRIAL = 2
    """Half-open, returning, or degraded and not tried for a while: its turn to show what it can do."""
    DEGRADED = 3
    DRAINED = 4
    """People want it to have rest, or it is on its way back and this request is not among those that may come by it."""
    LAST_RESORT = 5
    """Its breaker lets nothing through."""
    DISABLED = 6
    """People want it not to be used."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What was chosen, and why."""

    path: str | None
    """None where no path has room."""
    reasons: tuple[str, ...]
    """A sentence for each path, that which was chosen first."""
    is_last_resort: bool = False
    """No path is fit: somebody should hear of it."""
    is_trial: bool = False
    """The attempt decides about its path; where it fails, the next one is asked."""


def choose_path(
    options: Sequence[PathOption],
    views: Mapping[str, PathView],
    load: Mapping[str, PathLoad],
    ticket: float,
    *,
    tried: Sequence[str] = (),
    may_be_trial: bool = True,
    wished: Mapping[str, Wished] = NOTHING_WISHED,
    shares: Mapping[str, float] = ALL,
) -> Choice:
    """The path of the next attempt.

    `views` has each path by its name. `ticket` is 0 to below 1, and decides between paths of one order. `tried` are
    those that failed this request already. `may_be_trial`: it can be asked elsewhere if a trial fails. `wished`: what
    people want of some of them. `shares`: of new requests, that may choose a path which is on its way back, 0 to 1.
    """
    said: dict[str, str] = {}
    fit: list[tuple[Fitness, int, PathOption]] = []
    for option in options:
        full = _fullness(option, load.get(option.name, PathLoad()))
        if option.name in tried:
            said[option.name] = f"{option.name}: was tried already"
        elif full:
            said[option.name] = f"{option.name}: {full}"
        else:
            view = views[option.name]
            wish = wished.get(option.name)
            share = shares.get(option.name, 1.0)
            is_held = share < 1.0 and ticket * _MIXED % 1.0 >= share
            standing = _standing(view, may_be_trial, wish, is_held=is_held)
            fit.append((standing, option.order, option))
            held = f", held back: {share:.0%} of new calls may choose it" if is_held else ""
            said[option.name] = _sentence(view, standing, wish) + held
    if not fit:
        return Choice(None, tuple(said.values()))
    standing, chosen = _pick(fit, ticket)
    others = tuple(words for name, words in said.items() if name != chosen.name)
    reasons = (f"{said[chosen.name]}: chosen", *others)
    return Choice(chosen.name, reasons, standing >= Fitness.LAST_RESORT, standing is Fitness.TRIAL)


def shares_within(shares: Mapping[str, float], capability: str) -> Mapping[str, float]:
    """Those of one capability's paths, by their own names; `shares` has them by their whole names."""
    prefix = f"{capability}/"
    return {path.removeprefix(prefix): each for path, each in shares.items() if path.startswith(prefix)} or ALL


def attempt_s(left_s: float, attempts: int, least_s: float) -> float:
    """Seconds for the next attempt of a request that has `left_s`, so that `attempts` more paths can be asked after it.

    At least `least_s`, and never more than is left: a deadline shrinks down the line.
    """
    return max(0.0, min(left_s, max(least_s, left_s / (attempts + 1))))


def _fullness(option: PathOption, load: PathLoad) -> str:
    if option.in_flight_max is not None and load.in_flight >= option.in_flight_max:
        return f"is full, {load.in_flight} in flight"
    if option.per_s_max is not None and load.begun_last_s >= option.per_s_max:
        return f"has begun {load.begun_last_s} in the last second, all that it may"
    return ""


def _standing(view: PathView, may_be_trial: bool, wished: Wished | None, *, is_held: bool) -> Fitness:
    found = _fitness(view, may_be_trial)
    if is_held:
        return max(found, Fitness.DRAINED)
    if wished is None:
        return found
    if wished.wish is Wish.PREFER:
        return found if found is Fitness.LAST_RESORT else Fitness.PREFERRED
    if wished.wish is Wish.REST:
        return max(found, Fitness.DRAINED) if found is Fitness.DEGRADED else found
    return max(found, Fitness.DRAINED if wished.wish is Wish.DRAIN else Fitness.DISABLED)


def _fitness(view: PathView, may_be_trial: bool) -> Fitness:
    if not view.may_try:
        return Fitness.LAST_RESORT
    if view.breaker in (Breaker.HALF_OPEN, Breaker.RETURNING):
        return Fitness.TRIAL if may_be_trial else Fitness.LAST_RESORT
    if view.condition is not Condition.DEGRADED:
        return Fitness.GOOD
    return Fitness.TRIAL if may_be_trial and view.is_trial_due else Fitness.DEGRADED


def _sentence(view: PathView, standing: Fitness, wished: Wished | None = None) -> str:
    wish = f", {WORDS[wished.wish]} by {wished.by or 'somebody'} ({wished.why})" if wished is not None else ""
    barred = {
        Fitness.LAST_RESORT: ", nothing is let through",
        Fitness.TRIAL: ", its turn to be tried",
    }
    return f"{view.name}: {view.condition.value}, {view.evidence}{barred.get(standing, '')}{wish}"


def _pick(fit: Sequence[tuple[Fitness, int, PathOption]], ticket: float) -> tuple[Fitness, PathOption]:
    """A trial of a path that would come first goes before the good ones: nothing else proves that it is back."""
    best = min((standing, order) for standing, order, _ in fit)
    trials = [each for each in fit if each[0] is Fitness.TRIAL and each[1] <= best[1]]
    if best[0] is Fitness.GOOD and trials:
        return trials[0][0], trials[0][2]
    among = [option for standing, order, option in fit if (standing, order) == best]
    total = sum(option.weight for option in among)
    if not total:
        return best[0], among[int(ticket * len(among))]
    at = ticket * total
    for option in among:
        at -= option.weight
        if at < 0:
            return best[0], option
    return best[0], [option for option in among if option.weight][-1]
