"""A call that kills its process whenever it is worked on: it is set aside, and the others are unharmed."""

import pytest

from keepline.call.blame import blamed
from keepline.call.exchange import Exchange
from keepline.call.facts import CallReceived, FlowFailed
from keepline.call.record import record_of
from keepline.call.state import CallState, Phase
from keepline.call.turn import Turn
from keepline.model.limits import CALLS_BLAMED_MAX, DEATHS_OF_CALL_MAX
from keepline.sim.caller import Plan
from keepline.sim.node import Died
from tests.sim.scenes import Scene, exchange_of

POISON = "1000"
CALLERS = 5


class Poisoned(Exchange):
    """An exchange that dies of one number's flow, and of its apology too where `apology` says so."""

    apology = False
    anything = False
    at_once = False

    def _guarded(self, turn: Turn, call: CallState, do: object) -> None:
        def deadly(t: Turn, c: CallState) -> None:
            do(t, c)  # type: ignore[operator]
            runs = c.waiting is not None and (self.at_once or len(c.steps) > 0 if c.failed is None else self.apology)
            if c.received.to_number == POISON and (
                runs or (self.anything and c.adopted and c.phase is not Phase.ENDED)
            ):
                raise Died

        super()._guarded(turn, call, deadly)


class PoisonedAtOnce(Poisoned):
    at_once = True


class PoisonedApology(Poisoned):
    apology = True


class PoisonedUtterly(Poisoned):
    apology = True
    anything = True


@pytest.mark.parametrize(
    ("kind", "deaths"),
    [
        pytest.param(Poisoned, DEATHS_OF_CALL_MAX, id="flow"),
        pytest.param(PoisonedApology, DEATHS_OF_CALL_MAX + 1, id="apology too"),
        pytest.param(PoisonedUtterly, DEATHS_OF_CALL_MAX + 2, id="whatever is done"),
    ],
)
def test_a_call_that_kills_its_process_is_set_aside(kind: type[Exchange], deaths: int) -> None:
    plans = [(0.0, Plan("1000", hang_up_after_s=40.0))] + [(0.1 * i, Plan("1001")) for i in range(1, CALLERS)]
    scene = Scene(plans, slot_count=CALLERS, make=exchange_of(CALLERS, kind))
    wrong = scene.run()
    assert scene.node.log.deaths == deaths
    poisonous = next(f.call for f in scene.node.written if isinstance(f, CallReceived) and f.to_number == POISON)
    facts = [fact for fact in scene.node.written if fact.call == poisonous]
    record = record_of(facts)
    assert record.state == "ended"
    assert record.outcome == "failed"
    assert [what for what in wrong if poisonous not in what and "caller0 " not in what] == [], "the others are unharmed"
    assert [report.call for report in scene.node.log.reports if report.event == "set_aside"] == [poisonous]
    if kind is Poisoned:
        assert [type(fact) for fact in facts].count(FlowFailed) == 1
        assert "2 processes died" in record.error
        assert [step.name for step in record.steps][-1] == "apology"
        assert [start.call for start in scene.node.media.log.started].count(poisonous) >= 2, "the apology was played"


def test_a_call_that_kills_before_anything_of_it_is_written_is_refused() -> None:
    plans = [(0.0, Plan("1000"))] + [(0.1 * i, Plan("1001")) for i in range(1, CALLERS)]
    scene = Scene(plans, slot_count=CALLERS, make=exchange_of(CALLERS, PoisonedAtOnce))
    assert scene.run() == []
    assert scene.node.log.deaths == DEATHS_OF_CALL_MAX
    (poisonous,) = (f.call for f in scene.node.written if isinstance(f, CallReceived) and f.to_number == POISON)
    record = record_of([fact for fact in scene.node.written if fact.call == poisonous])
    assert (record.sip_status, record.outcome) == (500, "refused")
    assert record.reason == "2 processes died while they worked on this call; it was set aside"


def test_the_deaths_of_each_call_are_counted() -> None:
    assert blamed({}, "") == {}
    assert blamed({}, "a") == {"a": 1}
    assert blamed({"a": 1, "b": 1}, "a") == {"b": 1, "a": 2}
    many = [f"{number}" for number in range(CALLS_BLAMED_MAX)]
    assert list(blamed(dict.fromkeys(many, 1), "x")) == [*many[1:], "x"]
