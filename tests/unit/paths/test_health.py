"""A path's health and its breaker: what opens it, what closes it, what is said of it, and that it never sticks."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepline.model.limits_capabilities import PATH_OUTCOMES_MAX
from keepline.paths.figures import BASELINE_DELAYS_MIN, BASELINE_SAMPLES_MIN, FIGURES, Baseline
from keepline.paths.health import NEXT, Breaker, Condition, HealthPolicy, PathHealth, PathView, Tried, Used

POLICY = HealthPolicy()
GOOD = Used(True, "INVITE")
BAD = Used(False, "INVITE", "unanswered")


def clock(at_s: float) -> str:
    return f"{at_s:g} s"


class Path:
    """A path under a clock of the test's."""

    def __init__(self, policy: HealthPolicy = POLICY) -> None:
        self.health = PathHealth("carrier", policy, FIGURES)
        self.now_s = 1_000.0
        self.news: list[tuple[Condition, Condition]] = []

    def used(self, *outcomes: Used, every_s: float = 0.02) -> "Path":
        for each in outcomes:
            self.now_s += every_s
            self._step(Tried())
            self._step(each)
        return self

    def late(self, used: Used) -> "Path":
        """The outcome of an attempt that was let through before."""
        self._step(used)
        return self

    def _step(self, given: Used | Tried) -> None:
        self.news += [(each.before, each.after) for each in self.health.step(self.now_s, given)]

    def wait(self, seconds: float) -> "Path":
        self.now_s += seconds
        return self

    @property
    def view(self) -> PathView:
        return self.health.view(self.now_s, clock=clock)


def test_every_breaker_has_a_next_for_every_outcome() -> None:
    assert set(NEXT) == {(breaker, outcome) for breaker in Breaker for outcome in (True, False)}


def test_nothing_known_is_not_healthy() -> None:
    assert (Path().view.condition, Path().view.may_try) == (Condition.UNKNOWN, True)
    path = Path().used(GOOD)
    assert (path.view.condition, path.view.evidence) == (Condition.HEALTHY, "the last INVITE went well")
    path.wait(POLICY.window_s + 1)
    assert (path.view.condition, path.view.evidence) == (Condition.UNKNOWN, "nothing came of it lately")


def test_three_failures_at_fifty_calls_a_second_are_a_blip() -> None:
    path = Path().used(*[GOOD] * 100, BAD, BAD, BAD, *[GOOD] * 20)
    assert (path.view.condition, path.view.breaker) == (Condition.HEALTHY, Breaker.CLOSED)
    assert Path().used(*[GOOD] * 100, BAD, BAD, BAD).view.breaker is Breaker.CLOSED


def test_a_path_that_fails_is_down_with_its_evidence() -> None:
    path = Path().used(GOOD, *[BAD] * 5, every_s=1.0)
    assert path.view == PathView(
        "carrier", Condition.DOWN, Breaker.OPEN, "5 of the last 6 INVITEs unanswered since 1002 s", False, False, 1016.0
    )
    assert path.news == [
        (Condition.UNKNOWN, Condition.HEALTHY),
        (Condition.HEALTHY, Condition.DEGRADED),
        (Condition.DEGRADED, Condition.DOWN),
    ]


def test_a_busy_path_that_dies_is_down_within_half_a_second() -> None:
    path = Path().used(*[GOOD] * 500)
    failed = 0
    while path.view.breaker is Breaker.CLOSED:
        path.used(BAD)
        failed += 1
    assert failed == POLICY.outcomes * POLICY.failure_share == 10


def test_half_open_lets_one_through() -> None:
    path = Path().used(*[BAD] * 5)
    assert not path.view.may_try
    path.wait(POLICY.open_s)
    assert (path.view.breaker, path.view.may_try, path.view.condition) == (Breaker.HALF_OPEN, True, Condition.DOWN)
    path.health.step(path.now_s, Tried())
    assert not path.view.may_try
    path.wait(POLICY.attempt_s_max + 1)
    assert path.view.may_try, "nothing was heard of it"
    path.late(BAD)
    assert (path.view.breaker, path.view.may_try) == (Breaker.OPEN, False)


def test_what_began_before_the_breaker_opened_says_nothing_of_now() -> None:
    path = Path().used(*[BAD] * 5)
    before_s = path.now_s - 1
    path.wait(POLICY.open_s)
    path.health.step(path.now_s, Tried())
    path.late(Used(True, "INVITE", began_at_s=before_s))
    assert path.view.breaker is Breaker.HALF_OPEN
    path.late(Used(True, "INVITE", began_at_s=path.now_s))
    assert path.view.breaker is Breaker.RETURNING


def test_a_returning_path_takes_its_place_when_it_has_held() -> None:
    path = Path().used(*[BAD] * 5).wait(POLICY.open_s).used(GOOD)
    assert (path.view.breaker, path.view.condition) == (Breaker.RETURNING, Condition.DEGRADED)
    assert not path.view.may_try, "not two at once"
    began_s = path.now_s
    tried = 0
    while path.view.breaker is Breaker.RETURNING:
        path.wait(0.1)
        if path.view.may_try:
            path.used(GOOD, every_s=0.0)
            tried += 1
    assert POLICY.hold_s <= path.now_s - began_s <= POLICY.hold_s + 2
    assert tried <= POLICY.hold_s / POLICY.return_every_s + 2
    assert path.view.condition is Condition.HEALTHY


def fail_and_return(path: Path) -> float:
    """One flap; how long the breaker stayed open."""
    path.used(*[BAD] * 20)
    opened_s = path.now_s
    while not path.view.may_try:
        path.wait(1.0)
    return path.now_s - opened_s


def test_a_path_that_flaps_is_let_through_ever_more_seldom_until_it_is_calm() -> None:
    path = Path()
    open_for = []
    for _ in range(8):
        open_for.append(fail_and_return(path))
        path.used(GOOD)
    assert open_for == sorted(open_for)
    assert open_for[:4] == [10, 20, 40, 80]
    assert open_for[-1] == POLICY.open_s_max
    while path.view.breaker is not Breaker.CLOSED:
        path.wait(1.0)
        if path.view.may_try:
            path.used(GOOD, every_s=0.0)
    path.wait(POLICY.calm_s + 1)
    assert fail_and_return(path) == POLICY.open_s


def test_slower_than_it_was_is_degraded_and_teaches_nothing() -> None:
    path = Path().used(*[Used(True, figures={"latency_s": 0.1})] * 200)
    assert path.view.condition is Condition.HEALTHY
    path.used(*[Used(True, figures={"latency_s": 0.4})] * 200)
    assert path.view.condition is Condition.DEGRADED
    assert path.view.evidence == "answers in 0.40 s, usually 0.11 s"
    path.used(*[Used(True, figures={"latency_s": 0.1})] * 20)
    assert path.view.condition is Condition.HEALTHY


def test_twice_as_slow_at_two_milliseconds_is_nothing() -> None:
    path = Path().used(*[Used(True, figures={"latency_s": 0.002})] * 200)
    assert path.used(*[Used(True, figures={"latency_s": 0.006})] * 50).view.condition is Condition.HEALTHY


def test_worse_than_its_peers_is_degraded_though_it_never_was_better() -> None:
    path = Path().used(*[Used(True, figures={"mos": 3.2, "unknown": 1.0})] * 20)
    assert path.view.condition is Condition.HEALTHY
    assert (
        path.health.figures(path.now_s) == {"mos": 3.2 + 0.0}
        or abs(path.health.figures(path.now_s)["mos"] - 3.2) < 1e-9
    )
    view = path.health.view(path.now_s, {"mos": 4.3})
    assert (view.condition, view.evidence) == (Condition.DEGRADED, "has a MOS of 3.2, its peers 4.3")


@pytest.mark.parametrize(("figure", "least"), [("answered", BASELINE_SAMPLES_MIN), ("latency_s", BASELINE_DELAYS_MIN)])
def test_a_baseline_is_silent_while_it_is_young(figure: str, least: int) -> None:
    baseline = Baseline(FIGURES[figure])
    for _ in range(least - 1):
        baseline.add(2.0)
    assert baseline.value is None
    baseline.add(2.0)
    assert baseline.value == 2.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0.0, 2.0), st.sampled_from([0.1, 20.0, 200.0])), max_size=60))
@settings(max_examples=100, deadline=None)
def test_a_figure_is_the_mean_of_the_latest_outcomes(
    used: list[tuple[bool, float, float]],
) -> None:
    path = Path()
    kept: list[tuple[float, float]] = []
    for succeeded, latency_s, every_s in used:
        was = path.view.breaker
        path.used(Used(succeeded, figures={"latency_s": latency_s} if succeeded else {}), every_s=every_s)
        if was is not Breaker.CLOSED and path.view.breaker is Breaker.CLOSED:
            kept.clear()
        kept.append((path.now_s, latency_s if succeeded else -1.0))
        kept = kept[-POLICY.outcomes :]
        latest = [value for at_s, value in kept if value >= 0 and at_s >= path.now_s - POLICY.window_s]
        found = path.health.figures(path.now_s)
        assert set(found) == ({"latency_s"} if len(latest) >= POLICY.samples_min else set())
        assert all(abs(each - sum(latest) / len(latest)) < 1e-9 for each in found.values())


def test_no_more_than_path_outcomes_max_outcomes_are_kept() -> None:
    path = Path(HealthPolicy(outcomes=10 * PATH_OUTCOMES_MAX)).used(*[GOOD] * (PATH_OUTCOMES_MAX + 50), every_s=0.0)
    assert path.view.evidence == f"the last {PATH_OUTCOMES_MAX} INVITEs went well"


happenings = st.lists(
    st.one_of(
        st.tuples(st.just("good"), st.floats(0, 5)),
        st.tuples(st.just("bad"), st.floats(0, 5)),
        st.tuples(st.just("late"), st.floats(0, 5)),
        st.tuples(st.just("tried"), st.floats(0, 5)),
        st.tuples(st.just("wait"), st.floats(0, 700)),
    ),
    max_size=120,
)


@settings(max_examples=200, deadline=None)
@given(happenings)
def test_whatever_happens_a_breaker_opens_by_count_and_share_and_comes_back(steps: list[tuple[str, float]]) -> None:
    path, recent = Path(), list[tuple[float, bool]]()
    for what, seconds in steps:
        path.wait(seconds)
        before = path.view.breaker
        if what == "tried":
            path.health.step(path.now_s, Tried())
        elif what in ("good", "bad"):
            path.used(GOOD if what == "good" else BAD, every_s=0.0)
            recent.append((path.now_s, what == "good"))
        elif what == "late":
            path.late(Used(False, "INVITE", "unanswered", began_at_s=path.now_s - 1_000))
            recent.append((path.now_s, False))
        after = path.view
        if before is Breaker.CLOSED and after.breaker is Breaker.OPEN:
            seen = [good for at_s, good in recent if path.now_s - at_s <= POLICY.window_s]
            assert seen.count(False) >= POLICY.failures_min
        assert after.may_try == (after.breaker is Breaker.CLOSED) or after.breaker in (
            Breaker.HALF_OPEN,
            Breaker.RETURNING,
        )
        assert (after.condition is Condition.DOWN) == (after.breaker in (Breaker.OPEN, Breaker.HALF_OPEN))
        assert after.evidence
    deadline_s = path.now_s + POLICY.open_s_max + POLICY.hold_s_max + POLICY.attempt_s_max + 60
    while path.view.breaker is not Breaker.CLOSED or path.view.condition is not Condition.HEALTHY:
        path.wait(0.5)
        if path.view.may_try:
            path.used(GOOD, every_s=0.0)
        assert path.now_s < deadline_s, "it never sticks"
