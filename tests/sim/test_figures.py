"""What a simulated call costs may not grow: counted in function calls, which are the same on every machine.

`python -m bench --only sim` says what it is in calls a CPU-second.
"""

import pytest

from tests.sim.figures import WORLDS, function_calls_a_call

FUNCTION_CALLS_MAX = {
    "calm, as text": 2205,
    "calm, as objects": 1690,
    "storm, as text": 5915,
    "storm, as objects": 5240,
}
"""A call, by the worlds; on CPython 3.11, later ones count less. What is gained is taken off, the list only shrinks."""
SLACK = 1.05
"""What new features may add before somebody has to look; worlds change a little with what they find out."""


@pytest.mark.parametrize("name", WORLDS)
def test_a_simulated_call_costs_no_more_than_it_did(name: str) -> None:
    counted = function_calls_a_call(name)
    assert counted <= FUNCTION_CALLS_MAX[name] * SLACK, f"{name}: {counted:.0f} function calls a call"


@pytest.mark.parametrize("kind", ["calm", "storm"])
def test_objects_cost_less_than_text(kind: str) -> None:
    assert FUNCTION_CALLS_MAX[f"{kind}, as objects"] < FUNCTION_CALLS_MAX[f"{kind}, as text"]
