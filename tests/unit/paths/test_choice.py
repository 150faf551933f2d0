"""Which path is taken: a pure function, explained, that never leaves a caller without one while one has room."""

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from keepline.paths.choice import Choice, PathLoad, PathOption, attempt_s, choose_path
from keepline.paths.figures import FIGURES
from keepline.paths.health import Breaker, Condition, HealthPolicy, PathHealth, PathView, Tried, Used

FIRST, SECOND = PathOption("first", 0), PathOption("second", 1)


def view(
    name: str,
    condition: Condition = Condition.HEALTHY,
    breaker: Breaker = Breaker.CLOSED,
    *,
    may_try: bool = True,
    is_trial_due: bool = False,
) -> PathView:
    return PathView(name, condition, breaker, "so it is", may_try, is_trial_due)


def down(name: str) -> PathView:
    return view(name, Condition.DOWN, Breaker.OPEN, may_try=False)


def choose(*views: PathView, load: dict[str, PathLoad] | None = None, tried: tuple[str, ...] = ()) -> Choice:
    options = [PathOption(each.name, order, in_flight_max=5, per_s_max=10) for order, each in enumerate(views)]
    return choose_path(options, {each.name: each for each in views}, load or {}, 0.5, tried=tried)


def test_the_first_while_it_is_well_and_why() -> None:
    found = choose(view("first"), view("second", Condition.UNKNOWN))
    assert (found.path, found.is_last_resort, found.is_trial) == ("first", False, False)
    assert found.reasons == ("first: healthy, so it is: chosen", "second: unknown, so it is")


def test_the_next_where_the_first_is_down_or_degraded_or_was_tried() -> None:
    assert choose(down("first"), view("second")).path == "second"
    assert choose(view("first", Condition.DEGRADED), view("second")).path == "second"
    assert choose(view("first"), view("second"), tried=("first",)).path == "second"
    assert choose(view("first", Condition.DEGRADED), down("second")).path == "first"


def test_the_last_path_is_never_switched_off_and_said_to_be_the_last_resort() -> None:
    found = choose(down("first"), down("second"))
    assert (found.path, found.is_last_resort) == ("first", True)
    assert found.reasons[0] == "first: down, so it is, nothing is let through: chosen"


def test_what_is_full_is_not_chosen_last_or_not() -> None:
    full, rate = PathLoad(in_flight=5), PathLoad(begun_last_s=10)
    assert choose(view("first"), down("second"), load={"first": full}).path == "second"
    found = choose(view("first"), view("second"), load={"first": full, "second": rate})
    assert found.path is None
    assert found.reasons == (
        "first: is full, 5 in flight",
        "second: has begun 10 in the last second, all that it may",
    )


def test_a_path_that_would_come_first_is_tried_before_the_others_and_only_by_what_can_be_repeated() -> None:
    views = {"first": view("first", Condition.DOWN, Breaker.HALF_OPEN), "second": view("second")}
    found = choose_path([FIRST, SECOND], views, {}, 0.0)
    assert (found.path, found.is_trial) == ("first", True)
    assert choose_path([FIRST, SECOND], views, {}, 0.0, may_be_trial=False).path == "second"
    views = {"first": view("first"), "second": view("second", Condition.DOWN, Breaker.HALF_OPEN)}
    assert choose_path([FIRST, SECOND], views, {}, 0.0).path == "first", "nobody needs the second"


def test_paths_of_one_order_share_by_their_weights() -> None:
    options = [PathOption("a", weight=3), PathOption("b", weight=1), PathOption("c", weight=0)]
    views = {each.name: view(each.name) for each in options}
    taken = Counter(choose_path(options, views, {}, number / 400).path for number in range(400))
    assert taken == {"a": 300, "b": 100}
    views |= {"a": down("a"), "b": down("b")}
    assert choose_path(options, views, {}, 0.9).path == "c"


def test_a_deadline_shrinks_down_the_line() -> None:
    assert attempt_s(9.0, 2, 0.5) == 3.0
    assert attempt_s(1.0, 9, 0.5) == 0.5
    assert attempt_s(0.2, 9, 0.5) == 0.2
    assert attempt_s(-1.0, 0, 0.5) == 0.0


conditions = st.sampled_from(list(Condition))
breakers = st.sampled_from(list(Breaker))


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(conditions, breakers, st.booleans(), st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=6
    ),
    st.lists(st.integers(0, 6), min_size=6, max_size=6),
    st.floats(0, 1, exclude_max=True),
    st.booleans(),
)
def test_whatever_the_paths_are_one_with_room_is_chosen_and_every_one_is_explained(
    drawn: list[tuple[Condition, Breaker, bool, int, int]], busy: list[int], ticket: float, may_be_trial: bool
) -> None:
    options, views, load = [], {}, {}
    for number, (condition, breaker, may_try, order, weight) in enumerate(drawn):
        name = f"p{number}"
        is_let_through = breaker is Breaker.CLOSED or (may_try and breaker is not Breaker.OPEN)
        options.append(PathOption(name, order, weight, in_flight_max=5))
        views[name] = PathView(name, condition, breaker, "so it is", is_let_through, may_try)
        load[name] = PathLoad(in_flight=busy[number])
    found = choose_path(options, views, load, ticket, may_be_trial=may_be_trial)
    assert found == choose_path(options, views, load, ticket, may_be_trial=may_be_trial)
    has_room = {name for name, each in load.items() if each.in_flight < 5}
    assert (found.path in has_room) if has_room else (found.path is None)
    assert len(found.reasons) == len(options)
    if found.path is not None:
        fit = [n for n in has_room if views[n].breaker is Breaker.CLOSED]
        if fit:
            assert not found.is_last_resort
            assert found.is_trial or found.path in fit
        assert not found.is_trial or may_be_trial


def run(fault_s: tuple[float, float], seconds: float = 90.0, rate: float = 50.0) -> list[tuple[float, str, bool]]:
    """Calls at a rate over two paths, the first of which fails for a while: when, by which, and whether it failed."""
    paths = {name: PathHealth(name, HealthPolicy(), FIGURES) for name in ("first", "second")}
    seen: list[tuple[float, str, bool]] = []
    for number in range(int(seconds * rate)):
        now_s = number / rate
        tried: list[str] = []
        while len(tried) < len(paths):
            views = {name: path.view(now_s) for name, path in paths.items()}
            name = choose_path([FIRST, SECOND], views, {}, 0.0, tried=tried).path
            assert name is not None
            fails = name == "first" and fault_s[0] <= now_s < fault_s[1]
            paths[name].step(now_s, Tried())
            paths[name].step(now_s, Used(not fails, "INVITE", "unanswered", now_s))
            seen.append((now_s, name, fails))
            tried.append(name)
            if not fails:
                break
    return seen


def test_a_path_that_dies_is_left_at_once_and_taken_again_when_it_has_held() -> None:
    seen, policy = run((20.0, 40.0)), HealthPolicy()
    failed = [at_s for at_s, _, fails in seen if fails]
    assert sum(at_s < 20.5 for at_s in failed) <= policy.failures_min, "it is left at once"
    assert len(failed) <= policy.failure_share * policy.outcomes + 2, "and tried now and then"
    served = {at_s for at_s, _, fails in seen if not fails}
    assert set(failed) <= served, "each was served elsewhere"
    by_first = [at_s for at_s, name, fails in seen if name == "first" and not fails and at_s >= 40.0]
    every_call_s = next(at_s for at_s in by_first if sum(at_s <= other < at_s + 1 for other in by_first) == 50)
    assert every_call_s <= 40.0 + policy.open_s + policy.hold_s + policy.return_every_s, "it has its place again"
    assert all(name == "first" for at_s, name, _ in seen if at_s > every_call_s + 1), "and keeps it"


def test_a_degraded_path_that_others_do_without_is_tried_now_and_then() -> None:
    assert choose(view("first", Condition.DEGRADED, is_trial_due=True), view("second")).is_trial
    seen = run((20.0, 20.07))
    assert sum(fails for _, _, fails in seen) == 4, "a blip"
    assert [name for at_s, name, _ in seen if at_s > 60.0] == ["first"] * 1499
