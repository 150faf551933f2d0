"""A back office in virtual time: it does what it is asked, once for each key or each time, and may lose its answers.

It outlives the node's processes, as the real one does: what reached it is done, whoever is there to hear of it.
"""

from collections import Counter
from collections.abc import Callable

from keepline.call.effects import CallCapability, CapabilityAnswered
from keepline.flow.capabilities import Refused, Reply, UseOutcome, read_value, unanswered
from keepline.sim.world import World

ANSWERS_AFTER_S = 0.4


class SimOffice:
    """One back office: `done` counts what it has done, by key."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.done: Counter[str] = Counter()
        self.asked: list[CallCapability] = []
        self.answers_after_s = ANSWERS_AFTER_S
        self.loses_answers = 0
        """So many of the next answers."""
        self.loses_after_s: float | None = None
        """When it is known that an answer is lost; None: at the deadline."""
        self.answers_twice = False
        self.repeats_by_key = True
        """It does what has one key once."""

    def ask(self, wanted: CallCapability, answer: Callable[[CapabilityAnswered], None]) -> None:
        """One request; it reaches the office after half of the time, and is answered after all of it."""
        self.asked.append(wanted)
        self._world.after(self.answers_after_s / 2, lambda: self._do(wanted, answer))

    def _do(self, wanted: CallCapability, answer: Callable[[CapabilityAnswered], None]) -> None:
        outcome = self._outcome(wanted)
        wait_s = self.answers_after_s / 2
        if self.loses_answers:
            self.loses_answers -= 1
            outcome = unanswered("the answer was lost", changes=wanted.changes)
            left_s = wanted.deadline_s - self._world.now_s
            wait_s = max(wait_s, left_s) if self.loses_after_s is None else self.loses_after_s
        given = CapabilityAnswered(wanted.call, wanted.step, outcome, wanted.attempt)
        for _ in range(2 if self.answers_twice else 1):
            self._world.after(wait_s, lambda: answer(given))

    def _outcome(self, wanted: CallCapability) -> UseOutcome:
        key = wanted.idempotency_key
        if wanted.changes:
            if not (self.repeats_by_key and self.done[key]):
                self.done[key] += 1
            return Reply({"receipt": key[-6:]})
        if wanted.action == "find":
            return Reply({"receipt": key[-6:]}) if self.done[key] else Refused(404, "unknown")
        return Reply({"state": f"state of {read_value(wanted.arguments).get('number', '')}"})
