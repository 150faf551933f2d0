"""When a second path is asked beside a silent one: by that one's own figures, seldom, and only one that is well."""

import pytest

from keepline.model.capability import Hedge
from keepline.model.limits_capabilities import HEDGE_FIGURES_MAX, HEDGES_PUT_BY_MAX
from keepline.paths.choice import PathLoad, PathOption
from keepline.paths.delays import DELAYS_MIN
from keepline.paths.health import Breaker, Condition, PathView
from keepline.paths.hedging import Hedges, path_beside
from keepline.paths.wishes import Wish, Wished

POLICY = Hedge(after_s_min=0.1, after_s_max=1.0, share_max=0.05)
OPTIONS = [PathOption(name, order, in_flight_max=2) for order, name in enumerate(("crm", "second", "copy"))]


def view(name: str, condition: Condition = Condition.UNKNOWN, breaker: Breaker = Breaker.CLOSED) -> PathView:
    return PathView(name, condition, breaker, "as it is", breaker is Breaker.CLOSED)


def beside(*tried: str, views: dict[str, PathView] | None = None, busy: str = "", **wished: Wish) -> str | None:
    known = {each.name: view(each.name) for each in OPTIONS} | (views or {})
    load = {each.name: PathLoad(2 if each.name == busy else 0) for each in OPTIONS}
    wishes = {name: Wished(wish, 10.0, "why", "who") for name, wish in wished.items()}
    return path_beside(OPTIONS, known, load, 0.5, tried=tried, wished=wishes)


@pytest.mark.parametrize(("delay_s", "after_s"), [(0.02, 0.1), (0.3, 0.3), (2.0, 1.0)])
def test_a_path_is_waited_for_as_long_as_99_of_100_answers_take(delay_s: float, after_s: float) -> None:
    hedges = Hedges(POLICY)
    for _ in range(DELAYS_MIN - 1):
        hedges.heard("crm", "find", delay_s)
    assert hedges.after_s("crm", "find") == 1.0, "little is known of it"
    hedges.heard("crm", "find", delay_s)
    assert hedges.after_s("crm", "find") == after_s
    assert hedges.after_s("crm", "list") == hedges.after_s("copy", "find") == 1.0, "each has its own figures"


def test_of_hedge_figures_max_actions_figures_are_kept() -> None:
    hedges = Hedges(POLICY)
    for number in range(HEDGE_FIGURES_MAX + 1):
        for _ in range(DELAYS_MIN):
            hedges.heard("crm", f"action{number}", 0.2)
    assert hedges.after_s("crm", f"action{HEDGE_FIGURES_MAX - 1}") == 0.2
    assert hedges.after_s("crm", f"action{HEDGE_FIGURES_MAX}") == 1.0


def test_a_slow_office_is_asked_twice_for_a_twentieth_and_hedges_put_by_max_more() -> None:
    hedges, asked = Hedges(POLICY), 0
    for _ in range(1_000):
        hedges.began()
        asked += hedges.take()
    assert 0 <= HEDGES_PUT_BY_MAX + 1_000 // 20 - asked <= 1
    for _ in range(10_000):
        hedges.began()
    assert [hedges.take() for _ in range(HEDGES_PUT_BY_MAX + 1)] == [True] * HEDGES_PUT_BY_MAX + [False], "no more"


def test_the_next_path_that_is_well_is_asked_beside_a_silent_one() -> None:
    assert beside("crm") == "second"
    assert beside("crm", "second") == "copy"
    assert beside("crm", "second", "copy") is None


@pytest.mark.parametrize(
    "spoilt",
    [
        {"views": {"second": view("second", Condition.DEGRADED)}},
        {"views": {"second": view("second", Condition.DOWN, Breaker.OPEN)}},
        {"views": {"second": view("second", Condition.DEGRADED, Breaker.RETURNING)}},
        {"busy": "second"},
        {"second": Wish.DRAIN},
        {"second": Wish.DISABLE},
    ],
)
def test_one_that_is_not_well_or_full_or_spared_is_passed_over(spoilt: dict[str, object]) -> None:
    assert beside("crm", **spoilt) == "copy"  # type: ignore[arg-type]


def test_one_that_people_prefer_goes_first() -> None:
    assert beside("crm", copy=Wish.PREFER) == "copy"
