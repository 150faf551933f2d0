"""The tickets that are open, folded from the facts of their runs: what a process that takes over goes on with.

A ticket is the run of the flow `keepline.callback`; its variables say whom it is for. The book refuses to know time.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from keepline.call.facts.run import RunEnded, RunStarted
from keepline.flow.calling_back import CALLBACK, CallbackPlan, plan_of
from keepline.flow.capabilities import read_value


@dataclass(frozen=True, slots=True)
class Ticket:
    """One promise that is still to be kept."""

    run: str
    plan: CallbackPlan
    parent: str
    """Id of the call or the run that promised it."""
    began_at_s: float


class TicketBook:
    """Every ticket that is open; at most one for each number and flow."""

    __slots__ = ("_by_number", "_by_run")

    def __init__(self, facts: Iterable[object] = ()) -> None:
        """Facts that are not of tickets are passed over."""
        self._by_run: dict[str, Ticket] = {}
        self._by_number: dict[str, dict[str, Ticket]] = {}
        for fact in facts:
            self.note(fact)

    def __len__(self) -> int:
        return len(self._by_run)

    def __iter__(self) -> Iterator[Ticket]:
        return iter(list(self._by_run.values()))

    def get(self, run: str) -> Ticket | None:
        """The ticket, where it is open."""
        return self._by_run.get(run)

    def of(self, number: str) -> list[Ticket]:
        """Those for a number in its plain form."""
        return list(self._by_number.get(number, {}).values())

    def find(self, number: str, flow: str) -> Ticket | None:
        """The one for a number and a flow."""
        return self._by_number.get(number, {}).get(flow)

    def note(self, fact: object) -> None:
        """Take notice of a fact, of whatever kind."""
        if isinstance(fact, RunStarted):
            if fact.flow == CALLBACK and fact.call not in self._by_run:
                self._open(fact)
        elif isinstance(fact, RunEnded) and fact.call in self._by_run:
            plan = self._by_run.pop(fact.call).plan
            del self._by_number[plan.number][plan.flow]
            if not self._by_number[plan.number]:
                del self._by_number[plan.number]

    def _open(self, started: RunStarted) -> None:
        ticket = Ticket(started.call, plan_of(read_value(started.variables)), started.parent, started.at_s)
        self._by_run[ticket.run] = ticket
        self._by_number.setdefault(ticket.plan.number, {})[ticket.plan.flow] = ticket
