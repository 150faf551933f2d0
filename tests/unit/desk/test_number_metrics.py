"""The metrics of numbers that are pointed elsewhere, counted from the facts of a move and a return."""

import re

from keepline.call.facts import NumberFact
from keepline.desk.metrics import KINDS, Metrics
from keepline.desk.number_metrics import NUMBER_FACTS
from tests.spec.numbers_rig import DONE, FAILOVER, LOST, NO, NORTH, NumbersRig
from tests.unit.desk.test_metrics import MetricSource


def test_moves_returns_and_what_came_to_nothing_are_counted() -> None:
    assert {kind.kind for kind in NUMBER_FACTS} <= set(KINDS)
    rig = NumbersRig()
    rig.die_under_calls()
    rig.answer(NO)
    rig.until_asked()
    rig.answer(LOST)
    rig.until_asked()
    rig.answer(DONE)
    rig.alive[NORTH] = True
    rig.until_asked(FAILOVER.hold_s + 30.0)
    rig.answer(DONE)
    source = MetricSource()
    metrics = Metrics(source)
    metrics.scrape()
    source.facts += [fact for fact in rig.facts if isinstance(fact, NumberFact)]
    found = re.findall(r"^keepline_(numbers?_\w+?)_total(\S*) (\S+)$", metrics.scrape().decode(), re.M)
    assert sorted(found) == [
        ("number_attempts_failed", "", "1.0"),
        ("number_requests", '{to="away"}', "2.0"),
        ("number_requests", '{to="home"}', "1.0"),
        ("number_requests_left", "", "1.0"),
        ("numbers_pointed", '{to="away"}', "1.0"),
        ("numbers_pointed", '{to="home"}', "1.0"),
    ]
