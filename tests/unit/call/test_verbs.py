"""The table of verbs."""

import inspect

import keepline.flow
from keepline.call.runs.steps import RUN_VERBS
from keepline.call.steps.verbs import BEHAVIOURS
from keepline.flow import StepRequest
from keepline.flow.acts import NodeAct


def test_every_request_that_a_flow_can_make_has_its_behaviour() -> None:
    kinds = [each for _, each in inspect.getmembers(keepline.flow, inspect.isclass) if issubclass(each, StepRequest)]
    assert {*BEHAVIOURS, *RUN_VERBS} == {*kinds, NodeAct} - {StepRequest}, "an act is our own flows' alone"
