"""How a path is, from what came of using it (healthy, degraded, down, unknown, with the evidence), and its breaker.

A breaker opens by a minimum of failures *and* a share of the latest outcomes, so that three failures at fifty calls a
second are a blip, and five in a row are none. Open, it lets nothing through for a while, then one attempt; after its
success the path is *returning*: it is tried now and then, and takes its place again when it has held. Each opening soon
after the last one doubles both times. Being the last path is no state of a path: `choice` sees to that.
It refuses to guess: no traffic is `unknown`, and not healthy. Source: M. Nygard, Release It!, "Circuit Breaker".
"""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from keepline.model.frozen import frozen
from keepline.model.limits_capabilities import PATH_OUTCOMES_MAX
from keepline.paths.figures import Figure, FigureRule, worse_than


class Condition(Enum):
    """How a path is."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"
    DOWN = "down"
    UNKNOWN = "unknown"


class Breaker(Enum):
    """What the path lets through."""

    CLOSED = "closed"
    """Everything."""
    OPEN = "open"
    """Nothing, until a time."""
    HALF_OPEN = "half-open"
    """One attempt, whose outcome decides."""
    RETURNING = "returning"
    """One attempt at a time, with pauses, until it has held."""


@dataclass(frozen=True, slots=True)
class HealthPolicy:
    """When a path is what. Times in seconds."""

    outcomes: int = 20
    """The latest so many are looked at,"""
    window_s: float = 300.0
    """of no more than this age."""
    failures_min: int = 5
    failure_share: float = 0.5
    """The breaker opens at both."""
    degraded_share: float = 0.2
    """Of failures: from here on a path is degraded though its breaker is closed, with `degraded_min` of them."""
    degraded_min: int = 3
    open_s: float = 10.0
    """Of the first opening; each that follows within `calm_s` of the last doubles it,"""
    open_s_max: float = 300.0
    hold_s: float = 30.0
    """How long a returning path must hold; it doubles with the openings, too,"""
    hold_s_max: float = 900.0
    hold_successes_min: int = 3
    return_every_s: float = 1.0
    """Between two attempts at a returning path, or at a degraded one that others do without."""
    calm_s: float = 600.0
    """After so long without an opening, earlier ones are forgotten."""
    attempt_s_max: float = 120.0
    """An attempt that was let through alone and of which nothing is heard for so long bars no other."""
    samples_min: int = 10
    """Of a figure, before it says anything;"""
    samples: int = 20
    """the latest so many are looked at,"""
    samples_window_s: float = 300.0
    """of no more than this age."""
    measure_every_s: float = 1.0
    """Between two attempts at a path that is degraded by its figures alone, and that others do without."""


@frozen
class Used:
    """What came of one attempt, of real traffic or of a probe."""

    succeeded: bool
    what: str = "use"
    """In the singular: `INVITE`, `use`, `probe`; for the evidence."""
    why: str = ""
    """Of a failure, in a few words: `unanswered`."""
    began_at_s: float | None = None
    """When the attempt began; None for just now."""
    figures: Mapping[str, float] = field(default_factory=dict)
    """What was measured: `latency_s`, `mos`."""
    is_proof: bool = False
    """Of a failure that speaks for many at once: the breaker opens."""


@dataclass(frozen=True, slots=True)
class Measured:
    """What was measured of a path, whatever became of the attempt."""

    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Tried:
    """An attempt was let through; every one is told, before its outcome."""


PathInput = Used | Measured | Tried


@dataclass(frozen=True, slots=True)
class ConditionChanged:
    """Somebody should know: an effect."""

    path: str
    before: Condition
    after: Condition
    evidence: str


@dataclass(frozen=True, slots=True)
class PathView:
    """A path at one instant: all that a choice may look at."""

    name: str
    condition: Condition
    breaker: Breaker
    evidence: str
    may_try: bool
    """The breaker lets an attempt through now."""
    is_trial_due: bool = False
    """It has not been tried for a while, so whether it is better cannot be known."""
    opens_until_s: float = 0.0
    """Of an open breaker."""


GOOD: Final = (Condition.HEALTHY, Condition.UNKNOWN)
"""In these a path shows what it usually is."""


@dataclass(frozen=True, slots=True)
class Inheritance:
    """What a process before knew of a path that was not well."""

    condition: Condition
    breaker: Breaker
    evidence: str
    since_s: float
    opened_at_s: float
    until_s: float
    openings: int


Transition = tuple[Breaker, bool]
NEXT: Final[Mapping[Transition, Breaker]] = {
    (Breaker.CLOSED, True): Breaker.CLOSED,
    (Breaker.CLOSED, False): Breaker.CLOSED,  # or open: by count and share
    (Breaker.OPEN, True): Breaker.OPEN,  # of the last path, that is tried all the same
    (Breaker.OPEN, False): Breaker.OPEN,
    (Breaker.HALF_OPEN, True): Breaker.RETURNING,
    (Breaker.HALF_OPEN, False): Breaker.OPEN,
    (Breaker.RETURNING, True): Breaker.RETURNING,  # or closed: once it has held
    (Breaker.RETURNING, False): Breaker.OPEN,
}
"""(breaker, succeeded) -> breaker. Time alone makes an open one half-open."""


@frozen
class _Outcome:
    at_s: float
    used: Used


class PathHealth:
    """The machine of one path. `step` takes what happened; `view` says how it is and changes nothing."""

    def __init__(self, name: str, policy: HealthPolicy, rules: Mapping[str, FigureRule]) -> None:
        self._name, self._policy, self._rules = name, policy, rules
        self._outcomes: deque[_Outcome] = deque(maxlen=min(policy.outcomes, PATH_OUTCOMES_MAX))
        self._breaker = Breaker.CLOSED
        self._opened_at_s = 0.0
        self._openings = 0
        self._until_s = 0.0
        self._cause, self._cause_since_s = "", 0.0
        self._returning_since_s = 0.0
        self._held = 0
        self._alone_since_s: float | None = None
        self._tried_at_s = 0.0
        self._told = Condition.UNKNOWN
        self._is_inherited = False
        """It was degraded when a process before died, and has not had the attempts yet that would say otherwise."""
        self._failed = 0
        """With the figures: what is known of all the outcomes that are kept, so that none is looked at again."""
        self._figures: dict[str, Figure] = {}
        """Those with a rule that anything was told of, in the order of their names."""

    @property
    def legacy(self) -> Inheritance:
        """What whoever takes over should know."""
        told = (self._opened_at_s, self._until_s, self._openings)
        return Inheritance(self._told, self._breaker, self._cause, self._cause_since_s, *told)

    def inherit(self, now_s: float, left: Inheritance) -> None:
        """Begin with what a process before knew: a breaker that was not closed, or that it was degraded."""
        self._told, self._cause, self._cause_since_s = left.condition, left.evidence, left.since_s
        self._opened_at_s, self._until_s, self._openings = left.opened_at_s, left.until_s, left.openings
        self._breaker = left.breaker
        if left.breaker is Breaker.RETURNING:
            self._returning_since_s = now_s
        self._is_inherited = left.breaker is Breaker.CLOSED and left.condition is Condition.DEGRADED

    # What happened ----------------------------------------------------------------------------------------------------

    def step(self, now_s: float, given: PathInput, peers: Mapping[str, float] | None = None) -> list[ConditionChanged]:
        """`peers`: figure -> what other paths of the capability have of it."""
        if isinstance(given, Tried):
            self._let_through(now_s)
            return []  # an attempt alone changes what is let through, and not how the path is
        if isinstance(given, Measured):
            self._measure(now_s, given.figures, learns=self._told in GOOD)
        else:
            self._take(now_s, given)
        return self._news(now_s, peers or {})

    def _let_through(self, now_s: float) -> None:
        self._tried_at_s = now_s
        if self._breaker is Breaker.OPEN and now_s >= self._until_s:
            self._breaker = Breaker.HALF_OPEN
        if self._breaker in (Breaker.HALF_OPEN, Breaker.RETURNING):
            self._alone_since_s = now_s

    def _take(self, now_s: float, used: Used) -> None:
        was = self._breaker
        if was is not Breaker.CLOSED and used.began_at_s is not None and used.began_at_s < self._opened_at_s:
            return  # of an attempt from before the breaker opened: it says nothing of now
        self._keep(_Outcome(now_s, used))
        if used.figures:
            self._measure(now_s, used.figures, learns=used.succeeded and self._told in GOOD)
        self._alone_since_s = None
        if was is Breaker.CLOSED and used.succeeded:
            return
        self._breaker = NEXT[was, used.succeeded]
        if was is Breaker.CLOSED and not used.succeeded and (used.is_proof or self._is_too_much(now_s)):
            self._breaker = Breaker.OPEN
        elif self._breaker is Breaker.RETURNING:
            self._hold(now_s, was)
        if self._breaker is Breaker.OPEN and was is not Breaker.OPEN:
            self._open(now_s, is_flap=was is not Breaker.HALF_OPEN)

    def _keep(self, outcome: _Outcome) -> None:
        """One more, in what is counted of all that are kept too."""
        outcomes = self._outcomes
        if len(outcomes) == outcomes.maxlen:
            self._failed -= not outcomes[0].used.succeeded
        outcomes.append(outcome)
        self._failed += not outcome.used.succeeded

    def _measure(self, now_s: float, figures: Mapping[str, float], *, learns: bool) -> None:
        for name, value in figures.items():
            figure = self._figures.get(name)
            if figure is None:
                if name not in self._rules:
                    continue
                policy = self._policy
                figure = Figure(self._rules[name], policy.samples_min, policy.samples, policy.samples_window_s)
                self._figures = dict(sorted({**self._figures, name: figure}.items()))
            figure.samples.add(now_s, value)
            if learns:
                figure.baseline.add(value)

    def _hold(self, now_s: float, was: Breaker) -> None:
        if was is not Breaker.RETURNING:
            self._returning_since_s, self._held = now_s, 0
        self._held += 1
        if self._held >= self._policy.hold_successes_min and now_s - self._returning_since_s >= self._hold_s:
            self._breaker = Breaker.CLOSED
            last = self._outcomes[-1]
            self._outcomes.clear()  # what was before it went says nothing of what it is now
            self._failed = 0
            self._keep(last)
            for each in self._figures.values():
                each.samples.clear()

    def _open(self, now_s: float, *, is_flap: bool) -> None:
        if now_s - self._until_s > self._policy.calm_s:
            self._openings = 0
        self._cause = self._sentence(now_s)
        if is_flap:  # one that has been away all the time is away since then, and does not flap
            self._cause_since_s = next(each.at_s for each in self._recent(now_s) if not each.used.succeeded)
            self._openings += 1
        self._opened_at_s = now_s
        self._until_s = now_s + self._doubled(self._policy.open_s, self._policy.open_s_max)

    # How it is --------------------------------------------------------------------------------------------------------

    @property
    def _hold_s(self) -> float:
        return self._doubled(self._policy.hold_s, self._policy.hold_s_max)

    def _doubled(self, first_s: float, most_s: float) -> float:
        return min(first_s * 2.0 ** min(max(self._openings - 1, 0), 30), most_s)

    def _recent(self, now_s: float) -> Sequence[_Outcome]:
        since_s, outcomes = now_s - self._policy.window_s, self._outcomes
        if not outcomes or outcomes[0].at_s >= since_s:  # as on every path that is busy
            return outcomes
        return [each for each in outcomes if each.at_s >= since_s]

    def _is_too_much(self, now_s: float) -> bool:
        recent, policy = self._recent(now_s), self._policy
        failures = self._failures(recent)
        return failures >= policy.failures_min and failures >= policy.failure_share * len(recent)

    def figures(self, now_s: float) -> dict[str, float]:
        """The mean of each figure that there is enough of, for the peers."""
        found = {name: (each.samples.mean(now_s), each.samples_min) for name, each in self._figures.items()}
        return {name: mean for name, ((mean, count), least) in found.items() if count >= least}

    def view(
        self, now_s: float, peers: Mapping[str, float] | None = None, clock: Callable[[float], str] = str
    ) -> PathView:
        """How it is now. `clock` writes a time for the evidence."""
        condition, evidence = self._judge(now_s, peers or {}, clock)
        evidence = evidence or self._sentence(now_s)
        is_half_open = self._breaker is Breaker.OPEN and now_s >= self._until_s
        breaker = Breaker.HALF_OPEN if is_half_open else self._breaker
        until_s = self._until_s if breaker is Breaker.OPEN else 0.0
        may_try, is_due = self._may_try(now_s, breaker), self._is_trial_due(now_s)
        if (
            is_due
            and condition is Condition.DEGRADED
            and breaker is Breaker.CLOSED
            and not self._fails(self._recent(now_s))
        ):
            is_due = now_s - self._tried_at_s >= self._policy.measure_every_s
        return PathView(self._name, condition, breaker, evidence, may_try, is_due, until_s)

    def _may_try(self, now_s: float, breaker: Breaker) -> bool:
        if breaker in (Breaker.CLOSED, Breaker.OPEN):
            return breaker is Breaker.CLOSED
        if self._alone_since_s is not None and now_s - self._alone_since_s <= self._policy.attempt_s_max:
            return False
        return breaker is Breaker.HALF_OPEN or self._is_trial_due(now_s)

    def _is_trial_due(self, now_s: float) -> bool:
        return now_s - self._tried_at_s >= self._policy.return_every_s

    def _judge(self, now_s: float, peers: Mapping[str, float], clock: Callable[[float], str]) -> tuple[Condition, str]:
        """The evidence is empty where all is well: whoever wants to read that takes the sentence."""
        if self._breaker is Breaker.RETURNING:
            words = f"returning since {clock(self._returning_since_s)}, {self._held} of its attempts held"
            return Condition.DEGRADED, words
        if self._breaker is not Breaker.CLOSED:
            return Condition.DOWN, f"{self._cause} since {clock(self._cause_since_s)}"
        recent = self._recent(now_s)
        if self._is_inherited and len(recent) < self._policy.failures_min:
            return Condition.DEGRADED, f"{self._cause}, when the process before died"
        if not recent:
            return Condition.UNKNOWN, "nothing came of it lately"
        if self._fails(recent):
            first = next(each.at_s for each in recent if not each.used.succeeded)
            return Condition.DEGRADED, f"{self._sentence(now_s)} since {clock(first)}"
        for name, figure in self._figures.items():
            value, count = figure.samples.mean(now_s)
            if count >= figure.samples_min:
                words = worse_than(figure.rule, value, count, figure.baseline.value, peers.get(name))
                if words:
                    return Condition.DEGRADED, words
        return Condition.HEALTHY, ""

    def _fails(self, recent: Sequence[_Outcome]) -> bool:
        """So many of its latest attempts failed that it is degraded."""
        failures, policy = self._failures(recent), self._policy
        return failures >= policy.degraded_min and failures >= policy.degraded_share * len(recent)

    def _sentence(self, now_s: float) -> str:
        """`5 of the last 6 INVITEs unanswered`, by the most frequent reason."""
        recent = self._recent(now_s)
        failed = [each.used for each in recent if not each.used.succeeded]
        noun = recent[-1].used.what if len({each.used.what for each in recent}) == 1 else "attempt"
        if not failed:
            return f"the last {len(recent)} {noun}s went well" if len(recent) > 1 else f"the last {noun} went well"
        whys = [each.why or "failed" for each in failed]
        why = max(dict.fromkeys(whys), key=whys.count)
        return f"{len(failed)} of the last {len(recent)} {noun}s {why}"

    def _news(self, now_s: float, peers: Mapping[str, float]) -> list[ConditionChanged]:
        condition, evidence = self._judge(now_s, peers, str)
        before, self._told = self._told, condition
        if before is condition:
            return []
        return [ConditionChanged(self._name, before, condition, evidence or self._sentence(now_s))]

    def _failures(self, recent: Sequence[_Outcome]) -> int:
        if recent is self._outcomes:
            return self._failed
        return len([each for each in recent if not each.used.succeeded])
