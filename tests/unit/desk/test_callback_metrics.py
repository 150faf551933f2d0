"""The metrics of callers who were lost and of those who were promised a call."""

import re

from keepline.call.facts import CallLost, Fact
from keepline.call.facts.run import RunEnded, RunStarted
from keepline.desk.callback_metrics import CALLBACK_FACTS
from keepline.desk.metrics import KINDS, Metrics
from keepline.flow.calling_back import CALLBACK, CallbackPlan
from keepline.flow.capabilities import write_value
from tests.unit.desk.test_metrics import MetricSource

PLAN = CallbackPlan("+491", "call_back", ((0.0, 9.0),), 3, 60.0, 30.0, "", (), "", "", True, "lost", {})


def counted(*facts: Fact) -> dict[str, float]:
    source = MetricSource()
    metrics = Metrics(source)
    metrics.scrape()
    source.facts += [fact for fact in facts if fact.kind in KINDS]
    found = re.findall(r"^keepline_(call\w*)_total\{(.*)\} (\S+)$", metrics.scrape().decode(), re.M)
    return {" ".join((name, *re.findall(r'"(.*?)"', labels))): float(value) for name, labels, value in found}


def test_every_fact_that_they_count_is_read() -> None:
    assert {kind.kind for kind in CALLBACK_FACTS} <= set(KINDS)


def test_losses_promises_and_their_ends() -> None:
    assert counted(
        CallLost("c1", 1.0, "first", 0.0, "silent", "r1"),
        CallLost("c2", 1.0, "first", 0.0, "silent", "", "withheld"),
        RunStarted("r1", 1.0, CALLBACK, "", "d", "c1", -1, write_value(PLAN.told())),
        RunStarted("r9", 1.0, "mine", "", "d", "", -1, "{}"),
        RunEnded("r1", 2.0, "returned", "", '"reached"', "reached"),
        RunEnded("r9", 2.0, "returned", "", '"done"', "done"),
    ) == {
        "calls_lost first ticket": 1.0,
        "calls_lost first withheld": 1.0,
        "callbacks_promised lost": 1.0,
        "callbacks reached": 1.0,
    }
