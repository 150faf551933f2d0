"""Runs flows without a phone: the real engine and the real call core, in virtual time, for tests of an operation.

A caller dials, listens, presses keys and hangs up; hours pass in a moment, and nothing opens a socket. The node around
the core is that of `keepline.sim`, so a crash in the middle is a call of one method. Speech is not rendered: a spoken
text lasts two seconds. It refuses to answer for how a call sounds.
"""

from dataclasses import replace
from functools import cached_property
from types import TracebackType
from typing import Any

from keepline.call.effects_run import RunAnswered, StartRun, TellEvent
from keepline.call.exchange import Exchange
from keepline.call.facts import CallReceived
from keepline.call.record import CallRecord, MessageRecord, StepRecord, record_of
from keepline.call.turn import Identity, Program
from keepline.call.unfinished.book import WorkBook, WorkItem
from keepline.model.capability import Capability, CapabilityAction, CapabilityPath, PythonClass
from keepline.model.operation import (
    BEEP_TONE,
    HostPort,
)
from keepline.sim.callee import CalleeHeard, CalleePlan, SimCallees
from keepline.sim.caller import Plan, SimCaller
from keepline.sim.media import Started
from keepline.sim.network import Network
from keepline.sim.node import SimNode
from keepline.sim.script import Scripted, ScriptedOffice
from keepline.sim.world import BEGAN_S, World
from keepline.sip.transaction import Timers
from keepline.testing_parts import FAR_END, NODE, NUMBER, Source, StartedFlow, program_of

_SLOTS = 16
_TICK_S = 0.02
_KEY_GAP_S = 0.2
_OUTAGE_S = 0.3
_ANSWER_S = 180.0
_REST_S = 60.0


class FlowTester:
    """One node in virtual time with an operation, or with one flow that answers `NUMBER`.

    `source` is an operation file or its directory, a loaded operation, or a flow function. Use it in a `with`: at its
    end, callers who are still there hang up.
    """

    def __init__(self, source: Source = ".") -> None:
        self._program = program_of(source)
        self._world = World(0)
        self._network = Network(self._world)
        self._node = SimNode(self._world, self._network, NODE, self._exchange, _SLOTS)
        self._node.outage_s = _OUTAGE_S
        self._office = ScriptedOffice(self._world)
        self._node.office = self._office
        self._is_flow_alone = callable(source) and not isinstance(source, Program)
        self._callees = SimCallees(self._world, self._network, FAR_END)
        self._calls: list[PhoneCall] = []
        self._asked = 0
        self._node.start()

    def __enter__(self) -> "FlowTester":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            for call in self._calls:
                call.hangs_up()
            self.waits(_REST_S)

    def call(self, number: str = NUMBER, from_: str = "+15550100", *, transfer: int | None = 200) -> "PhoneCall":
        """Dial `number` and wait for the answer; a call that is refused is over at once.

        `transfer` is what becomes of it where the flow transfers the caller: the final status of the call there (200
        when somebody answers, 486 when it is busy), or None for a caller whose phone cannot transfer.
        """
        plan = Plan(number, from_number=from_, transfer=(202, 100, transfer) if transfer else (405,))
        caller = SimCaller(self._world, self._network, self._node.media, NODE, len(self._calls), plan)
        call = PhoneCall(self, self._world, self._node, caller)
        self._calls.append(call)
        caller.call()
        deadline_s = self._world.now_s + _ANSWER_S
        while not caller.heard.outcome and caller.heard.answered_at_s is None and self._world.now_s < deadline_s:
            self.waits(_TICK_S)
        return call

    def start(self, flow: str = "", *, key: str = "", **variables: str) -> StartedFlow:
        """Start a flow without a caller, as `keepline flow start` does; the flow alone where none is named.

        Raises `ValueError` for what cannot be started.
        """
        name = flow or next(iter(self._program.operation.flows))
        self._asked += 1
        asked = f"r{self._asked:015x}"
        self._node.ask(StartRun(name, asked, key, tuple(variables.items())))
        return StartedFlow(self._world, self._node, self._answered(asked).id)

    def tell(self, event: str, key: str, **variables: str) -> None:
        """Tell of an event, as `keepline flow tell` does; raises `ValueError` for what is none."""
        self._asked += 1
        asked = f"e{self._asked:015x}"
        self._node.ask(TellEvent(event, key, asked, tuple(variables.items())))
        self._answered(asked)

    def _answered(self, asked: str) -> RunAnswered:
        while asked not in self._node.runs.answered:
            self.waits(_TICK_S)
        answer = self._node.runs.answered[asked]
        if answer.mistake:
            raise ValueError(answer.mistake)
        return answer

    def callee(
        self,
        number: str,
        *,
        status: int | None = 200,
        rings_s: float = 2.0,
        early_media: bool = False,
        hangs_up_after_s: float | None = None,
    ) -> "Callee":
        """Say what becomes of the calls that a flow places to `number`; without this they are answered after 1 s.

        `status` is the final answer after `rings_s`: 200 answers, 486 is busy, 603 refuses; None lets it ring.
        """
        plan = CalleePlan(status or 0, rings_s, early_media, hangs_up_after_s)
        self._callees.plans[number] = plan
        return Callee(self, self._callees, number)

    def answers(self, name: str, *answers: Scripted, changes: bool = False) -> None:
        """Say what `use("CAPABILITY.ACTION")` answers from now on: these, one after the other; the last one stands.

        Each is a `Reply` or its fields, `Unavailable`, `Refused`, `Unknown`, or a function of the arguments that gives
        one of them. `Pending` leaves a change in doubt: what follows is what it is found out to be. What no test
        answers for is `Unavailable`. Raises `LookupError` for what the operation has not; a flow alone has whatever is
        answered, and `changes` says that it changes something.
        """
        capability, _, action = name.partition(".")
        operation = self._program.operation
        found = operation.capabilities.get(capability)
        if self._is_flow_alone and action:
            self._give(capability, action, CapabilityAction(changes=changes, idempotent=changes))
        elif found is None or found.action(action) is None:
            known = [f"{each.name}.{one}" for each in operation.capabilities.values() for one in each.paths[0].actions]
            raise LookupError(f"the operation has no {name}, only {', '.join(known) or 'no capability at all'}")
        self._office.script(name, answers)

    def asked(self, name: str) -> list[dict[str, Any]]:
        """The arguments of each use of `CAPABILITY.ACTION` so far."""
        return self._office.uses(name)

    @property
    def work(self) -> list[WorkItem]:
        """What is unfinished: uses in doubt (`state` is pending), and what is left for a person (open)."""
        return list(WorkBook(self._node.written))

    def _give(self, capability: str, action: str, promise: CapabilityAction) -> None:
        """Let the operation of a flow alone have this action."""
        operation = self._program.operation
        found = operation.capabilities.get(capability)
        actions = dict(found.paths[0].actions) if found else {}
        path = CapabilityPath("test", PythonClass("test", "Test"), actions | {action: promise})
        capabilities = dict(operation.capabilities) | {capability: Capability(capability, (path,))}
        self._program = replace(self._program, operation=replace(operation, capabilities=capabilities))
        if self._node.exchange is not None:
            self._node.exchange.add_program(self._program, current=True)

    def waits(self, seconds: float) -> None:
        """Let time pass."""
        self._world.run(self._world.now_s + seconds)

    def crash(self) -> None:
        """Kill the process that runs the calls, now; its successor has them shortly after."""
        self._node.die()
        self.waits(_OUTAGE_S + _TICK_S)

    def crash_media(self) -> None:
        """Kill the media process, now: what it alone had, the digits of secrets, is lost."""
        self._node.media.die()
        self.waits(_TICK_S)

    def _exchange(self, seed: bytes) -> Exchange:
        identity = Identity(HostPort(*NODE), NODE[0], "Keepline/test", Timers())
        exchange = Exchange(identity, seed, [40_000 + 2 * index for index in range(_SLOTS)])
        exchange.add_program(self._program, current=True)
        return exchange


class Callee:
    """Somebody whom flows call, at one number."""

    def __init__(self, tester: FlowTester, callees: SimCallees, number: str) -> None:
        self._tester = tester
        self._callees = callees
        self._number = number

    @property
    def calls(self) -> int:
        """How often it rang here."""
        return len(self._heard)

    @property
    def is_talking(self) -> bool:
        """Somebody is on the line."""
        return any(each.answered_at_s is not None and not each.outcome for each in self._heard)

    @property
    def callers(self) -> list[str]:
        """Who was calling, each time: the user part of From."""
        return [each.invite.from_.uri.partition(":")[2].partition("@")[0] for each in self._heard]

    def answers(self, within_s: float = 60.0) -> None:
        """Wait until there is a conversation; raises `AssertionError` where there is none."""
        for _ in range(round(within_s / _TICK_S)):
            if self.is_talking:
                return
            self._tester.waits(_TICK_S)
        raise AssertionError(f"nobody talks to {self._number} within {within_s:g} s; it rang {self.calls} times")

    def hangs_up(self) -> None:
        """End the conversation, if there is one."""
        for each in self._heard:
            self._callees.hang_up(each)
        self._tester.waits(_KEY_GAP_S)

    @property
    def _heard(self) -> list[CalleeHeard]:
        return self._callees.called(self._number)


class PhoneCall:
    """One call, from the caller's side."""

    def __init__(self, tester: FlowTester, world: World, node: SimNode, caller: SimCaller) -> None:
        self._tester = tester
        self._world = world
        self._node = node
        self._caller = caller
        self._listened = 0

    # What the caller does -------------------------------------------------------------------------------------------

    def hears(self, words: str, within_s: float = 60.0) -> str:
        """Wait until something is said that holds `words`, or the prompt of that name begins; returns all of it.

        What was said before it is passed over, and it is not waited for its end. Raises `AssertionError` with what was
        said instead, once the call is over or the time is.
        """
        deadline_s = self._world.now_s + within_s
        while True:
            begun = self._begun()
            for index in range(self._listened, len(begun)):
                said = self._words(begun[index])
                if words in said or words in self._names(begun[index]):
                    self._listened = index + 1
                    return said
            if self.ended or self._world.now_s >= deadline_s:
                raise AssertionError(self._instead(words, begun[self._listened :], within_s))
            self._waits_for_news(deadline_s)

    def presses(self, keys: str) -> None:
        """Press these keys, one after the other."""
        for key in keys:
            if self.ended:
                raise AssertionError(f"the caller cannot press {key}: {self._why_over()}")
            self._node.media.press(self._caller.rtp, key)
            self.waits(_KEY_GAP_S)

    def speaks(self, seconds: float) -> None:
        """Make a sound for so long: what a message consists of."""
        self._node.media.speak(self._caller.rtp, seconds)
        self.waits(seconds)

    def falls_silent(self) -> None:
        """Nothing comes by the caller's line any more, for as long as counts as dead air."""
        self._node.media.fall_silent(self._caller.rtp)

    def is_heard_again(self) -> None:
        """The line is as it was."""
        self._node.media.fall_silent(self._caller.rtp, silent=False)

    def waits(self, seconds: float) -> None:
        """Let time pass."""
        self._tester.waits(seconds)

    def hangs_up(self) -> None:
        """End the call; nothing, where it is over."""
        self._caller.hang_up()
        while not self.ended:
            self.waits(_TICK_S)
        self.waits(1.0)

    def ends(self, within_s: float = 600.0) -> None:
        """Wait until the other side ends the call; raises `AssertionError` where it does not."""
        deadline_s = self._world.now_s + within_s
        while not self.ended:
            if self._world.now_s >= deadline_s:
                raise AssertionError(f"the call has not ended within {within_s:g} s; {self._heard_so_far()}")
            self._waits_for_news(deadline_s)
        self.waits(1.0)

    # What became of it ----------------------------------------------------------------------------------------------

    @property
    def heard(self) -> list[str]:
        """Everything that was said so far."""
        return [self._words(each) for each in self._begun()]

    @property
    def ended(self) -> bool:
        return bool(self._caller.heard.outcome)

    @property
    def record(self) -> CallRecord:
        """The call's record, as `keepline calls show` has it."""
        return record_of(fact for fact in self._node.written if fact.call == self._id)

    @property
    def outcome(self) -> str:
        return self.record.outcome

    @property
    def outcome_fields(self) -> dict[str, str | int | float | bool | None]:
        return self.record.outcome_fields

    @property
    def steps(self) -> list[StepRecord]:
        return self.record.steps

    @property
    def messages(self) -> list[MessageRecord]:
        return self.record.messages

    @cached_property
    def _id(self) -> str:
        received = [fact for fact in self._node.written if isinstance(fact, CallReceived)]
        return next(fact.call for fact in received if fact.sip_call_id == self._caller.call_id)

    def _waits_for_news(self, deadline_s: float) -> None:
        """Until something happens, to whomever."""
        self._world.run(min(deadline_s, max(self._world.next_s, self._world.now_s)))

    def _begun(self) -> list[Started]:
        return [each for each in self._node.media.log.started if each.call == self._id]

    def _names(self, started: Started) -> list[str]:
        prompts = self._tester._program.operation.prompts
        return [name for name, prompt in prompts.items() if prompt.key == started.prompt_key]

    def _words(self, started: Started) -> str:
        made = "beep" if started.prompt == BEEP_TONE else "tones"
        return started.prompt.text or next(iter(self._names(started)), made)

    def _instead(self, words: str, said: list[Started], within_s: float) -> str:
        heard = "".join(f"\n  {each.at_s - BEGAN_S:8.2f} s  {self._words(each)}" for each in said) or " nothing"
        over = self._why_over() if self.ended else f"{within_s:g} s are over"
        return f"the caller does not hear {words!r}: {over}. Instead it heard:{heard}"

    def _heard_so_far(self) -> str:
        return "the caller heard: " + (" | ".join(self.heard) or "nothing")

    def _why_over(self) -> str:
        record = self.record
        error = f"\n{record.error.strip()}\n" if record.error else ""
        return f"the call is over ({self._caller.heard.outcome}, {record.reason or record.state}){error}"
