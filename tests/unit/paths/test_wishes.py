"""What people want of paths: heeded while it holds, over by itself, and never the end of a caller's last path."""

from dataclasses import replace

from keepline.model.limits_carriers import PATH_WISHES_MAX
from keepline.paths.choice import Choice, PathOption, choose_path
from keepline.paths.health import Breaker, Condition, PathView
from keepline.paths.wishes import Wish, Wished, Wishes
from tests.unit.paths.test_choice import down, view


def choose(*views: PathView, **wishes: Wish) -> Choice:
    options = [PathOption(each.name, order) for order, each in enumerate(views)]
    wished = {name: Wished(wish, 100.0, "so", "Ana") for name, wish in wishes.items()}
    return choose_path(options, {each.name: each for each in views}, {}, 0.5, wished=wished)


def test_what_is_drained_has_rest_while_another_is_fit() -> None:
    found = choose(view("first"), view("second", Condition.DEGRADED), first=Wish.DRAIN)
    assert (found.path, found.is_last_resort) == ("second", False)
    assert found.reasons[1] == "first: healthy, so it is, drained by Ana (so)"
    assert choose(view("first"), down("second"), first=Wish.DRAIN).path == "first"


def test_what_is_disabled_comes_after_one_whose_breaker_is_open_and_is_not_switched_off() -> None:
    assert choose(view("first"), down("second"), first=Wish.DISABLE).path == "second"
    alone = choose(view("first"), first=Wish.DISABLE)
    assert (alone.path, alone.is_last_resort) == ("first", True)


def test_what_failed_and_is_given_rest_may_show_that_it_is_back() -> None:
    tried = view("first", Condition.DEGRADED)
    due = replace(tried, is_trial_due=True)
    worse = view("second", Condition.DEGRADED)
    assert choose(tried, worse, first=Wish.REST).path == "second", "a drain, while it is not well"
    assert choose(due, view("second"), first=Wish.REST).path == "first", "its turn to be tried"
    assert choose(due, view("second"), first=Wish.DRAIN).path == "second"
    half_open = view("first", Condition.DOWN, Breaker.HALF_OPEN)
    assert choose(half_open, view("second"), first=Wish.REST).path == "first"
    well = view("first")
    assert choose(well, view("second"), first=Wish.REST).path == "first", "and then its shares say how many come by it"
    shares = {"first": 0.0}
    options, views = [PathOption("first"), PathOption("second", 1)], {"first": well, "second": view("second")}
    wished = {"first": Wished(Wish.REST, 100.0, "so", "a playbook")}
    assert choose_path(options, views, {}, 0.5, wished=wished, shares=shares).path == "second"


def test_what_is_preferred_comes_first_while_its_breaker_lets_it() -> None:
    assert choose(view("first"), view("second"), second=Wish.PREFER).path == "second"
    assert choose(view("first"), view("second", Condition.DEGRADED), second=Wish.PREFER).path == "second"
    assert choose(view("first"), down("second"), second=Wish.PREFER).path == "first"
    trial = view("first", Condition.DOWN, Breaker.HALF_OPEN)
    assert choose(trial, view("second"), second=Wish.PREFER).path == "second", "no trial goes before it"


def test_the_latest_word_counts_until_its_time_is_over() -> None:
    wishes = Wishes()
    wishes.set("telephony/first", Wished(Wish.DRAIN, 50.0, "works", "Ana"))
    wishes.set("telephony/first", Wished(Wish.PREFER, 60.0, "done", "Ana"))
    found = wishes.of("telephony/first", 59.9)
    assert found is not None
    assert found.wish is Wish.PREFER
    assert wishes.of("telephony/first", 60.0) is None
    wishes.set("telephony/first", Wished(Wish.DRAIN, 90.0, "works", "Ana"))
    wishes.set("telephony/first", None)
    assert wishes.of("telephony/first", 61.0) is None


def test_of_too_many_the_one_that_ends_first_is_forgotten() -> None:
    wishes = Wishes()
    for number in range(PATH_WISHES_MAX + 1):
        wishes.set(f"path/{number}", Wished(Wish.DRAIN, 100.0 + number, "works", "Ana"))
    assert len(wishes) == PATH_WISHES_MAX
    assert wishes.of("path/0", 0.0) is None
