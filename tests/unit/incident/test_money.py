"""The bill of an outage."""

from keepline.incident.experience import Minute
from keepline.incident.money import Damage, bill_of, damage_of
from keepline.model.money import NOTHING, MoneySettings, Price

LOST, DELAYED = Price(4, 9, 25, "one in five buys for 45"), Price(0.1, 0.2, 0.5, "one in ninety gives up")
SETTINGS = MoneySettings("USD", LOST, DELAYED, None, {"payments": Price(10, 20, 30, "what is paid by phone")})


def test_each_line_is_a_count_times_a_price_and_the_total_their_sum() -> None:
    bill = bill_of(SETTINGS, Damage(lost=2, unseen=3, delayed=10, minutes_without={"payments": 1.5}))
    assert [(each.what, each.count, each.total.mid) for each in bill.lines] == [
        ("calls that were refused, cut or failed", 2, 18),
        ("callers whom no carrier brought", 3, 27),
        ("callers who waited", 10, 2),
        ("minutes without payments", 1.5, 30),
    ]
    assert [each.is_estimate for each in bill.lines] == [False, True, False, False]
    assert (bill.total.low, bill.total.mid, bill.total.high) == (36.0, 77.0, 175.0)
    assert bill.lines[0].each == LOST, "what it rests on stays with it"


def test_what_has_no_price_is_a_line_without_one() -> None:
    bill = bill_of(SETTINGS, Damage(deferred=4, minutes_without={"orders": 2.0}))
    assert [(each.what, each.each, each.total) for each in bill.lines] == [
        ("what was promised, and is done later", None, NOTHING),
        ("minutes without orders", None, NOTHING),
    ]


def test_what_other_paths_saved_is_priced_as_lost_calls() -> None:
    bill = bill_of(SETTINGS, Damage(rerouted=5, came_elsewhere=2, copied=3))
    assert (bill.lines, bill.total) == ((), NOTHING)
    assert [(each.count, each.total.mid, each.is_estimate) for each in bill.saved] == [
        (5, 45, False), (2, 18, True), (3, 27, False),
    ]  # fmt: skip
    assert bill.total_saved.mid == 90


def test_tolls_are_the_sums_of_the_minutes() -> None:
    first = Minute(0, attempts=9, answered=5, delayed=1, lost=2, deferred=1, denied=3, rerouted=1, copied=4)
    second = Minute(60, lost=1, delayed=2)
    found = damage_of([first, second], 7, 8, {"payments": 1.0})
    assert found == Damage(3, 7, 3, 1, 3, {"payments": 1.0}, 1, 8, 4)
