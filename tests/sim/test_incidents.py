"""An incident, its commander, its recovery gate and the mode: the node dies at every moment of them."""

import pytest

from keepline.call.facts.incident import GateMoved
from tests.sim.incident_scenes import EVENTS, INCIDENT_SCENES, gate_wrongs
from tests.sim.moments import OUTAGES_S, die_at_every_moment, die_twice


@pytest.mark.parametrize("name", INCIDENT_SCENES)
def test_undisturbed(name: str) -> None:
    scene = INCIDENT_SCENES[name]()
    assert scene.run() == []
    moves, tested, modes = scene.outcome
    if name == "again":
        assert moves == [*EVENTS[:3], "reverted", *EVENTS]
        assert len(tested) == 2
    else:
        assert (moves, len(tested)) == (EVENTS, 1)
    assert modes[-1] == "normal"


@pytest.mark.parametrize("outage_s", OUTAGES_S)
@pytest.mark.parametrize("name", INCIDENT_SCENES)
def test_a_death_at_every_moment(name: str, outage_s: float) -> None:
    die_at_every_moment(INCIDENT_SCENES[name], outage_s, None, name)


def test_two_deaths_while_it_comes_back() -> None:
    die_twice(INCIDENT_SCENES["nobody"], range(1, 4), None, "nobody")


def test_a_gate_that_hurries_or_misses_a_step_is_noticed() -> None:
    def moves(*events: tuple[str, float]) -> list[GateMoved]:
        return [GateMoved("INC-20251123-1", at_s, event, 0.0, 1, 0.0, "") for event, at_s in events]

    assert gate_wrongs(moves(("cleared", 1), ("tested", 2), ("held", 3))) == ["the gate held after 1.00 s, not 3"]
    assert gate_wrongs(moves(("cleared", 1), ("held", 9))) == ["the gate held where tested comes next"]
    assert gate_wrongs(moves(("cleared", 1), ("tested", 2))) == ["the gate came to step 2 alone"]
