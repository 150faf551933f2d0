"""What flows of ours ask of the node itself: look at an incident, wish something of a path, point a number.

No verb of operations: a flow that Keepline brings along awaits it. What an act changes is on record in the turn of its
step, so it is done once, whatever dies. It refuses to know what acts there are; whoever follows the exchange has them.
"""

from dataclasses import dataclass
from typing import Any

from keepline.flow.capabilities import read_value, write_value
from keepline.flow.steps import StepRequest, StepResult, Verb


@dataclass(frozen=True, slots=True)
class NodeAct(StepRequest):
    """Have the node do something, or say how something is."""

    act: str
    arguments: str
    """JSON, as `write_value` has it."""

    verb = "act"

    def returned(self, result: StepResult) -> dict[str, Any]:
        return dict(read_value(result.value))


def act(name: str, **arguments: object) -> Verb[dict[str, Any]]:
    """The verb of an act; what it gives is the act's to say."""
    return Verb(NodeAct(name, write_value(arguments)))
