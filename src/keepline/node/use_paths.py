"""Which path of a capability a use is asked of, and which one next: the shell's part of `keepline.paths`.

What came of each attempt is told to the path's health, which all calls of this process share; that one is not well is
told to the core, so that a successor begins with it.
What changes something is asked of the path that the core names: another one knows nothing of what that may have done.
"""

import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

import structlog

from keepline.call.carriers.inheriting import left_by, stood
from keepline.call.facts.path import PathStood
from keepline.connectors.interface import Asked
from keepline.flow.capabilities import SecretsGone, Unavailable, Unknown, UseOutcome
from keepline.model.capability import PROMISING, Capability, CapabilityPath, meant_by
from keepline.model.operation import Operation
from keepline.node.path_commands import clock
from keepline.paths.choice import Choice, PathLoad, PathOption, attempt_s, choose_path, shares_within
from keepline.paths.figures import FIGURES
from keepline.paths.health import (
    Condition,
    ConditionChanged,
    HealthPolicy,
    Inheritance,
    PathHealth,
    PathView,
    Tried,
    Used,
)
from keepline.paths.hedging import Hedges, path_beside
from keepline.paths.standing import standing_of
from keepline.paths.wishes import Wish, Wished, Wishes

ATTEMPT_S_MIN: Final = 0.5
"""Of a use that may be asked of another path: less is no attempt."""
POLICY: Final = HealthPolicy()
USE_FIGURES: Final = {**FIGURES, "latency_s": replace(FIGURES["latency_s"], margin=0.25)}
"""An answer that comes less than a quarter of a second later is what nobody notices who is on the telephone."""
_TRIED: Final = Tried()
log = structlog.get_logger("paths")
PathKey = tuple[str, str, str]
"""Version of the operation, capability, path."""
_Known = tuple[list[PathOption], dict[str, PathView], dict[str, PathLoad], dict[str, Wished]]


class UsePaths:
    """The paths of every version that calls run."""

    def __init__(self, now_s: Callable[[], float], chance: Callable[[], float] = random.random) -> None:
        self.now_s, self._chance = now_s, chance
        self._health: dict[PathKey, PathHealth] = {}
        self._in_flight: Counter[PathKey] = Counter()
        self._is_last_resort: set[tuple[str, str]] = set()
        self._hedges: dict[tuple[str, str], Hedges] = {}
        self._left: dict[str, Inheritance] = {}
        """By the whole name of a path: what a process before knew of it."""
        self.tell: Callable[[PathStood], None] = lambda _stood: None
        """Told how a path is, where that is for the worse, or was."""
        self.wishes = Wishes()
        """What people want of them."""
        self.shares: Callable[[], Mapping[str, float]] = dict
        """Paths that not every new use may choose yet, by their whole names: which share may."""

    def inherit(self, standings: Iterable[PathStood]) -> None:
        """How they were when a process before wrote of them last, where they were not well."""
        now_s = self.now_s()
        found = {each.path: left_by(each, now_s, POLICY.calm_s) for each in standings}
        self._left = {name: left for name, left in found.items() if left is not None}

    def candidates(
        self, capability: Capability, action: str, path: str = "", *, changes: bool
    ) -> tuple[CapabilityPath, ...]:
        """The paths that a use may be asked of, in their order; the core names that of a change that has several."""
        if path:
            return tuple(each for each in capability.paths if each.name == path)
        if changes or meant_by(action) != action:
            return capability.paths[:1]
        return tuple(path for path in capability.paths if action in path.actions)

    def barred(self, version: str, capability: Capability, name: str) -> str:
        """Why a path need not be asked that another one may stand in for; empty where it is to be asked."""
        path, now_s = capability.path(name), self.now_s()
        if path is None or isinstance(path.connector, PROMISING):
            return ""
        view = self._of((version, capability.name, name)).view(now_s, clock=clock)
        wished = self.wishes.of(f"{capability.name}/{name}", now_s)
        if wished is not None and wished.wish not in (Wish.PREFER, Wish.REST):
            return f"people want it not to be used: {wished.why}"
        return "" if view.may_try else f"it is {view.condition.value}: {view.evidence}"

    def choose(
        self, version: str, capability: str, paths: tuple[CapabilityPath, ...], tried: list[str]
    ) -> tuple[CapabilityPath | None, tuple[str, ...]]:
        """The path of the next attempt, and a sentence for each; None once all have been tried."""
        left = [path for path in paths if path.name not in tried]
        if len(paths) < 2 or not left:
            return left[0] if left else None, ()
        may_be_trial = len(left) > 1
        options, views, load, wished = self._known(version, capability, paths)
        shares = shares_within(self.shares(), capability)
        choice = choose_path(
            options, views, load, self._chance(), tried=tried, may_be_trial=may_be_trial, wished=wished, shares=shares
        )
        self._say(version, capability, choice)
        # Where all are full a use waits for its turn at the first that is left.
        return next((path for path in left if path.name == choice.path), left[0]), choice.reasons

    def silent_s(self, version: str, capability: Capability, path: str, action: str) -> float | None:
        """How long this path is waited for alone, for what changes nothing; None where the capability has no hedge."""
        hedges = self._hedges_of(version, capability)
        if hedges is None:
            return None
        hedges.began()
        return hedges.after_s(path, action)

    def beside(
        self, version: str, capability: Capability, paths: tuple[CapabilityPath, ...], tried: list[str]
    ) -> CapabilityPath | None:
        """The path to ask beside one that is silent; None where none is fit, or enough is asked twice already."""
        hedges = self._hedges_of(version, capability)
        options, views, load, wished = self._known(version, capability.name, paths)
        name = path_beside(options, views, load, self._chance(), tried=tried, wished=wished)
        if hedges is None or name is None or not hedges.take():
            return None
        return capability.path(name)

    def heard(self, version: str, capability: Capability, path: str, action: str, took_s: float) -> None:
        """How long a path took for an answer to what changes nothing."""
        if (hedges := self._hedges_of(version, capability)) is not None:
            hedges.heard(path, action, took_s)

    def _hedges_of(self, version: str, capability: Capability) -> Hedges | None:
        if capability.hedge is None:
            return None
        key = (version, capability.name)
        found = self._hedges.get(key)
        if found is None:
            found = self._hedges[key] = Hedges(capability.hedge)
        return found

    def _known(self, version: str, capability: str, paths: tuple[CapabilityPath, ...]) -> _Known:
        """Of each path how it is, how busy, and what people want."""
        now_s = self.now_s()
        keys = {path.name: (version, capability, path.name) for path in paths}
        options = [PathOption(path.name, order, in_flight_max=path.in_flight_max) for order, path in enumerate(paths)]
        views = {name: self._of(key).view(now_s, clock=clock) for name, key in keys.items()}
        load = {name: PathLoad(self._in_flight[key]) for name, key in keys.items()}
        found = {path.name: self.wishes.of(f"{capability}/{path.name}", now_s) for path in paths}
        return options, views, load, {name: each for name, each in found.items() if each is not None}

    async def ask(self, key: PathKey, asked: Asked, ask: Callable[[Asked], Awaitable[UseOutcome]]) -> UseOutcome:
        """Ask it, and have its health know what came of it."""
        began_s = self.began(key)
        try:
            outcome = await ask(asked)
        except BaseException:
            self._in_flight[key] -= 1
            raise
        self.ended(key, began_s, outcome)
        return outcome

    def began(self, key: PathKey) -> float:
        """An attempt begins; when."""
        began_s = self.now_s()
        self._of(key).step(began_s, _TRIED)
        self._in_flight[key] += 1
        return began_s

    def ended(self, key: PathKey, began_s: float, outcome: UseOutcome) -> None:
        """What came of an attempt."""
        self._in_flight[key] -= 1
        now_s, health = self.now_s(), self._of(key)
        if not isinstance(outcome, (Unavailable, Unknown)):
            news = health.step(now_s, Used(True, "use", "", began_s, {"latency_s": now_s - began_s}))
        elif isinstance(outcome, SecretsGone):
            return
        else:
            news = health.step(now_s, Used(False, "use", f"failed ({outcome.reason})", began_s))
        if news:
            self._tell(key, news)

    def seconds_for(self, left_s: float, more: int) -> float:
        """Of an attempt, where `more` paths could be asked after it."""
        return attempt_s(left_s, more, ATTEMPT_S_MIN)

    def standings(self, operation: Operation) -> list[dict[str, object]]:
        """Every path of an operation's capabilities, as people are told."""
        now_s, found = self.now_s(), []
        for capability in operation.capabilities.values():
            for order, path in enumerate(capability.paths, start=1):
                key, name = (operation.digest, capability.name, path.name), f"{capability.name}/{path.name}"
                view = self._of(key).view(now_s, clock=clock)
                wished = self.wishes.of(name, now_s)
                found.append(standing_of(name, order, view, PathLoad(self._in_flight[key]), path.in_flight_max, wished))
        return found

    def _of(self, key: PathKey) -> PathHealth:
        health = self._health.get(key)
        if health is None:
            name = f"{key[1]}/{key[2]}"
            health = self._health[key] = PathHealth(name, POLICY, USE_FIGURES)
            if (left := self._left.get(name)) is not None:
                health.inherit(self.now_s(), left)
        return health

    def _tell(self, key: PathKey, news: list[ConditionChanged]) -> None:
        for each in news:
            is_bad = each.after in (Condition.DOWN, Condition.DEGRADED)
            was_bad = each.before in (Condition.DOWN, Condition.DEGRADED)
            if is_bad or was_bad:
                say = log.error if each.after is Condition.DOWN else log.warning
                evidence = self._health[key].view(self.now_s(), clock=clock).evidence
                say("path_changed", path=each.path, before=each.before.value, now=each.after.value, evidence=evidence)
                self.tell(stood(self.now_s(), each.path, self._health[key].legacy, evidence))

    def _say(self, version: str, capability: str, choice: Choice) -> None:
        """That a capability has no path that is fit, once until it has one again."""
        key = (version, capability)
        if choice.is_last_resort and key not in self._is_last_resort:
            self._is_last_resort.add(key)
            log.error("last_resort", capability=capability, path=choice.path, why="; ".join(choice.reasons))
        elif not choice.is_last_resort:
            self._is_last_resort.discard(key)
