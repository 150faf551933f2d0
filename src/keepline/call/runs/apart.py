"""Which turns of the core concern runs alone: what they want done waits for the disk, and no call waits with it."""

from typing import Final, get_args

from keepline.call.effects import CallCapability, Effect, Persist, Report, WorkEffect
from keepline.call.effects_run import RunEffect
from keepline.call.facts import Fact
from keepline.call.facts.run import RUN_TYPES
from keepline.call.facts.work import WORK_TYPES

_EFFECTS: Final = frozenset(get_args(RunEffect))
_FACTS: Final = frozenset(RUN_TYPES)
_OF_BOTH: Final = frozenset(WORK_TYPES)
_NEUTRAL: Final = frozenset((Report, *get_args(WorkEffect)))


def is_of_runs(fact: Fact) -> bool:
    """Whether a fact is one of a run, an event, or what a run left for people."""
    return type(fact) in _FACTS or (type(fact) in _OF_BOTH and fact.call.startswith("r"))


def is_apart(effects: list[Effect]) -> bool:
    """Whether a turn's effects concern runs alone, so that no call need wait for them."""
    is_of_run = False
    for effect in effects:
        if isinstance(effect, Persist):
            if not is_of_runs(effect.fact):
                return False
            is_of_run = True
        elif isinstance(effect, CallCapability):
            if not effect.call.startswith("r"):
                return False
            is_of_run = True
        elif type(effect) in _EFFECTS:
            is_of_run = True
        elif type(effect) not in _NEUTRAL:
            return False
    return is_of_run
