"""A back office that answers as a test says: value by value, or by a function of what is asked."""

from collections.abc import Callable, Mapping
from typing import Any

from keepline.call.effects import CallCapability
from keepline.flow.capabilities import Refused, Reply, Unavailable, Unknown, UseOutcome, read_value, write_outcome
from keepline.model.capability import meant_by
from keepline.sim.office import SimOffice
from keepline.sim.world import World

Scripted = UseOutcome | Mapping[str, Any] | Callable[..., UseOutcome | Mapping[str, Any]]
"""An outcome, the fields of a reply, or a function of the arguments that gives one of them."""


class ScriptedOffice(SimOffice):
    """Answers what a test has said; of the answers to one action, the last one stands."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._scripts: dict[str, list[Scripted]] = {}

    def script(self, name: str, answers: tuple[Scripted, ...]) -> None:
        """Say what `CAPABILITY.ACTION` answers, one after the other. `TypeError` for what is no answer."""
        for answer in answers:
            if not callable(answer):
                _outcome_of(name, answer)
        self._scripts[name] = list(answers)

    def uses(self, name: str) -> list[dict[str, Any]]:
        """The arguments of every time that it was asked for, repetitions of one use left out."""
        asked = {each.idempotency_key: each for each in self.asked if f"{each.capability}.{each.action}" == name}
        return [dict(read_value(each.arguments)) for each in asked.values()]

    def _outcome(self, wanted: CallCapability) -> UseOutcome:
        name = f"{wanted.capability}.{meant_by(wanted.action)}"
        script = self._scripts.get(name, [])
        if not script:
            return Unavailable(f"the test does not say what it answers: tester.answers({name!r}, …)")
        answer = script[0] if len(script) == 1 else script.pop(0)
        if callable(answer):
            answer = answer(**read_value(wanted.arguments))
        return _outcome_of(name, answer)


def _outcome_of(name: str, answer: object) -> UseOutcome:
    if isinstance(answer, Mapping):
        answer = Reply(answer)
    if not isinstance(answer, Reply | Unavailable | Refused | Unknown):
        wanted = "a Reply or its fields, Unavailable, Refused, Unknown, or a function that gives one of them"
        raise TypeError(f"{name} answers {wanted}, not {answer!r}")
    write_outcome(answer)
    return answer
