"""A back office with several paths in virtual time: whom to ask, and when, is decided by the node's own code."""

from collections.abc import Callable
from dataclasses import dataclass

from keepline.call.effects import CallCapability, CapabilityAnswered
from keepline.flow.capabilities import Unavailable, UseOutcome
from keepline.model.capability import Capability, CapabilityPath
from keepline.node.reading import LATE, Asking, Reading
from keepline.node.use_paths import UsePaths
from keepline.sim.office import SimOffice
from keepline.sim.world import World

Answer = Callable[[CapabilityAnswered], None]
Outcome = Callable[[], UseOutcome]


@dataclass(slots=True)
class _Use:
    wanted: CallCapability
    answer: Answer
    reading: Reading
    asked: int = 0
    """Paths that may still answer."""
    last: UseOutcome = LATE
    is_over: bool = False

    def end(self, path: str, outcome: UseOutcome) -> None:
        """Tell whoever asked, once."""
        if not self.is_over:
            self.is_over = True
            route = self.reading.route(path, outcome)
            self.answer(CapabilityAnswered(self.wanted.call, self.wanted.step, outcome, self.wanted.attempt, route))


class PathOffice(SimOffice):
    """Asks paths as a node's shell does (`keepline.node.reading.read`); what they answer is for who inherits to say."""

    def __init__(self, world: World, capabilities: dict[str, Capability]) -> None:
        super().__init__(world)
        self._capabilities = capabilities
        self.choosing = UsePaths(lambda: world.now_s, world.random.random)

    def path_answers(self, wanted: CallCapability, path: CapabilityPath, left_s: float) -> tuple[float, Outcome]:
        """After how long a path answers, asked now, and a function that says what, when the time has come."""
        raise NotImplementedError

    def ask(self, wanted: CallCapability, answer: Answer) -> None:
        """By the path that is named, or by one after the other."""
        self.asked.append(wanted)
        capability = self._capabilities[wanted.capability]
        why = wanted.may_skip and self.choosing.barred(wanted.operation, capability, wanted.path)
        if why:
            given = CapabilityAnswered(wanted.call, wanted.step, Unavailable(why), wanted.attempt)
            self._world.after(0.0, answer, given)
            return
        paths = self.choosing.candidates(capability, wanted.action, wanted.path, changes=wanted.changes)
        names = (wanted.operation, capability, paths, wanted.action, wanted.deadline_s)
        self._go_on(_Use(wanted, answer, Reading(self.choosing, *names, may_hedge=wanted.may_hedge)))

    def _go_on(self, use: _Use) -> None:
        asking = use.reading.next()
        if asking is None:
            use.end("", use.last)
            return
        self._try(use, asking)
        silent_s = use.reading.silent_s()
        if silent_s is not None and silent_s < asking[1]:
            self._world.after(silent_s, self._look_beside, use, silent_s)

    def _look_beside(self, use: _Use, silent_s: float) -> None:
        if use.asked and not use.is_over and (other := use.reading.beside(silent_s)) is not None:
            self._try(use, other)

    def _try(self, use: _Use, asking: Asking) -> None:
        path, left_s = asking
        key = (use.wanted.operation, use.wanted.capability, path.name)
        began_s = self.choosing.began(key)
        use.asked += 1
        after_s, outcome = self.path_answers(use.wanted, path, left_s)
        self._world.after(after_s, self._heard, use, path.name, key, began_s, outcome)

    def _heard(self, use: _Use, path: str, key: tuple[str, str, str], began_s: float, outcome: Outcome) -> None:
        found = outcome()
        use.asked -= 1
        self.choosing.ended(key, began_s, found)
        if use.reading.heard(path, found, self._world.now_s - began_s):
            use.end(path, found)
            return
        use.last = found
        if not use.asked and not use.is_over:
            self._go_on(use)
