"""Every run of one node: which are in memory, what wakes the others, and how one goes on by itself.

A run that waits for long leaves memory once its facts are synced; the index of the journal says when it is due, or who
waits for what, and its facts bring it back. So a hundred thousand runs that wait cost a start nothing but the few that
are due. It refuses to know how a step is carried out; `steps` does.
"""

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from keepline.call.agenda import Due
from keepline.call.blame import is_set_aside
from keepline.call.effects import CapabilityAnswered, Persist, Report
from keepline.call.effects_run import (
    FactsRead,
    ReadDue,
    ReadFacts,
    ReadWaiting,
    RestRun,
    RunAnswered,
    RunRested,
    RunsAdopted,
    RunsDue,
    StartRun,
    TellEvent,
    WaitersRead,
)
from keepline.call.facts import CallPlaced, Fact
from keepline.call.facts.run import EventTold, RunEnded, RunFact, RunStarted
from keepline.call.runs import steps, using
from keepline.call.runs.built_in import BUILT_IN, RunAct
from keepline.call.runs.ended import EndedRuns
from keepline.call.runs.events import KeptEvents
from keepline.call.runs.index import CALL
from keepline.call.runs.starting import mistake_in_event, mistake_in_repetition, mistake_in_start, started_by_command
from keepline.call.runs.state import RunPhase, RunState, fold
from keepline.call.state import CallState
from keepline.call.turn import Turn
from keepline.call.unfinished.failed import leave_run
from keepline.flow import Advance, Finished, FlowEnding, FlowRun, Run, StepResult, Use
from keepline.flow.capabilities import write_value
from keepline.model.errors import LocalError
from keepline.model.limits_runs import RUN_RESULT_CHARS_MAX, RUN_STEPS_PER_TURN_MAX, RUNS_RESIDENT_MAX

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

HORIZON_S = 60.0
"""A run that is due within it stays in memory; the index is read so far ahead."""


class Runs:
    """The runs of one node."""

    def __init__(self, exchange: "Exchange") -> None:
        self.exchange = exchange
        self.resident: dict[str, RunState] = {}
        self.events, self.ended = KeptEvents(), EndedRuns()
        self.acts: dict[str, RunAct] = {}
        """What flows of ours may ask of the node."""
        self.horizon_s = 0.0
        self.adopted = False
        self._asked: dict[str, StartRun | TellEvent] = {}
        """What commands ask for, until the journal has said whether it is known."""
        self._reading: dict[str, None] = {}
        self._backlog: deque[str] = deque()
        """Runs that are due, and have no room yet."""
        self._more: tuple[float, str] | None = None
        self._looks_at_s: float | None = None
        """When the index is read further ahead."""
        self.handlers: dict[type, Callable[..., None]] = {
            RunsAdopted: self._on_adopted,
            RunsDue: self._on_due,
            WaitersRead: self._on_waiters,
            FactsRead: self._on_facts,
            RunRested: self._on_rested,
            StartRun: self._on_start,
            TellEvent: self._on_tell,
        }

    # What comes in --------------------------------------------------------------------------------------------------

    def _on_adopted(self, turn: Turn, given: RunsAdopted) -> None:
        self.adopted = True
        for told in given.kept:
            self.events.keep(told)
        self._look_ahead(turn, (-1.0, ""))

    def _look_ahead(self, turn: Turn, after: tuple[float, str]) -> None:
        self._looks_at_s = None
        self.horizon_s = turn.now_s + 2 * HORIZON_S
        turn.emit(ReadDue(after, self.horizon_s))

    def _look_again_by(self, turn: Turn, due_s: float) -> None:
        """A run is due then, beyond the horizon."""
        at_s = max(turn.now_s, due_s - HORIZON_S)
        if self._looks_at_s is None or at_s < self._looks_at_s:
            self._looks_at_s = at_s
            self.exchange.agenda.add(Due(at_s, "runs", None))

    def _on_due(self, turn: Turn, given: RunsDue) -> None:
        self._backlog.extend(given.runs)
        self._more = given.last
        if given.next_s is not None:
            self._look_again_by(turn, given.next_s)
        self._admit(turn)

    def _admit(self, turn: Turn) -> None:
        """Read runs that are due, as far as there is room."""
        while self._backlog and len(self.resident) + len(self._reading) < RUNS_RESIDENT_MAX:
            run = self._backlog.popleft()
            if run not in self.resident:
                self.read(turn, run)
        if self._more is not None and not self._backlog:
            turn.emit(ReadDue(self._more, self.horizon_s))
            self._more = None

    def read(self, turn: Turn, id_: str) -> None:
        """Have the facts of a run, a call or an event read."""
        if id_ not in self._reading:
            self._reading[id_] = None
            turn.emit(ReadFacts(id_))

    def _on_waiters(self, turn: Turn, given: WaitersRead) -> None:
        is_event = given.subject.startswith("event ")
        for run in given.runs[:1] if is_event else given.runs:
            self._touch(turn, run)

    def _touch(self, turn: Turn, id_: str) -> None:
        run = self.resident.get(id_)
        if run is None:
            self.read(turn, id_)
        else:
            self._guarded(turn, run, lambda: self._look_again(turn, run))

    def _on_facts(self, turn: Turn, given: FactsRead) -> None:
        self._reading.pop(given.id, None)
        asked = self._asked.pop(given.id, None)
        if asked is not None:
            self._answer(turn, asked, given.facts[0] if given.facts else None)
        elif given.facts and isinstance(given.facts[0], RunStarted) and given.id not in self.resident:
            self._wake(turn, given)
        if not (given.facts and isinstance(given.facts[0], EventTold)):
            for run in [each for each in self.resident.values() if steps.reads(each, given.id)]:
                self._guarded(turn, run, lambda run=run: steps.on_facts(self, turn, run, given))  # type: ignore[misc]
        self._admit(turn)

    def _on_rested(self, turn: Turn, given: RunRested) -> None:
        run = self.resident.get(given.run)
        if run is not None and run.facts == given.facts and run.phase is not RunPhase.AT_WORK:
            del self.resident[given.run]
            if run.flow_run is not None:
                run.flow_run.drop()
            self._admit(turn)

    def on_answered(self, turn: Turn, given: CapabilityAnswered) -> None:
        """A capability's answer, for the run that asked."""
        run = self.resident.get(given.call)
        if run is not None and run.waiting is not None and isinstance(run.waiting.request, Use):
            self._guarded(turn, run, lambda: self._go_on(turn, run, steps.on_answered(self, turn, run, given)))

    def on_call_over(self, turn: Turn, call: CallState) -> None:
        """A call has ended; the run that placed it wants to know how."""
        if isinstance(call.received, CallPlaced) and call.received.parent in self.resident:
            self.read(turn, call.id)

    def on_time(self, turn: Turn, due: Due) -> None:
        """A deadline of a run has come, or it is time to look further ahead."""
        if due.kind == "runs":
            self._look_ahead(turn, (self.horizon_s, ""))
            return
        run = self.resident.get(due.key)
        if run is None:
            return
        run.armed_at_s = None
        if run.timer_at_s is not None and run.timer_at_s > turn.now_s:
            self.arm(run, run.timer_at_s)
        elif run.timer_at_s is not None:
            run.timer_at_s = None
            self._guarded(turn, run, lambda: self._go_on(turn, run, steps.on_time(self, turn, run)))

    def may_go_on(self, id_: str) -> bool:
        """Whether this run may be at work, as far as is known here: it is, or nobody has looked yet."""
        run = self.resident.get(id_)
        if run is not None:
            return run.phase is not RunPhase.ENDED
        return not self.adopted or id_ in self._reading or id_ in self._backlog

    def is_stale(self, due: Due) -> bool:
        """Whether a deadline has lost its reason."""
        if due.kind == "runs":
            return due.at_s != self._looks_at_s
        run = self.resident.get(due.key)
        return run is None or run.armed_at_s != due.at_s

    # Commands -------------------------------------------------------------------------------------------------------

    def _on_start(self, turn: Turn, given: StartRun) -> None:
        program = self.exchange.programs[self.exchange.current]
        mistake = mistake_in_start(given, program)
        if mistake:
            turn.emit(RunAnswered(given.id, mistake=mistake))
            return
        self._ask(turn, given, started_by_command(given, turn.now_s, program).call)

    def _on_tell(self, turn: Turn, given: TellEvent) -> None:
        mistake = mistake_in_event(given)
        if mistake:
            turn.emit(RunAnswered(given.id, mistake=mistake))
            return
        self._ask(turn, given, given.id)

    def _ask(self, turn: Turn, given: StartRun | TellEvent, id_: str) -> None:
        self._asked[id_] = given
        self.read(turn, id_)

    def _answer(self, turn: Turn, asked: StartRun | TellEvent, on_record: Fact | None) -> None:
        is_known = on_record is not None
        if isinstance(asked, StartRun):
            program = self.exchange.programs[self.exchange.current]
            started = started_by_command(asked, turn.now_s, program)
            if not is_known:
                self.start(turn, started, is_new=True)
            turn.emit(RunAnswered(asked.id, started.call, known=is_known))
        elif on_record is None and not self.events.has(asked.id):
            self._tell(turn, asked)
            turn.emit(RunAnswered(asked.id, asked.id))
        else:
            mistake = mistake_in_repetition(asked, on_record) if on_record is not None else ""
            turn.emit(RunAnswered(asked.id, asked.id, mistake, known=True))

    def _tell(self, turn: Turn, asked: TellEvent) -> None:
        self.tell(turn, EventTold(asked.id, turn.now_s, asked.event, asked.key, write_value(dict(asked.variables))))

    def tell(self, turn: Turn, told: EventTold) -> None:
        """Tell of an event that is new; it is kept until a run hears it."""
        turn.emit(Persist(told, True))
        for forgotten in self.events.keep(told):
            turn.emit(Persist(self.events.forget(forgotten, turn.now_s), True))
            what = f"{forgotten.event} {forgotten.key}: too many events are kept that nobody waits for"
            turn.emit(Report("event_forgotten", forgotten.call, what))
        turn.emit(ReadWaiting(self.events.subject_of(told)))

    # One run --------------------------------------------------------------------------------------------------------

    def start(self, turn: Turn, started: RunStarted, *, is_new: bool) -> None:
        """Have a run: begun at once where it `is_new` for certain, else once the journal has said so."""
        if started.call in self.resident:
            return
        turn.emit(Persist(started, True))
        if is_new and self.adopted and len(self.resident) < RUNS_RESIDENT_MAX:
            run = self.resident[started.call] = RunState(started)
            self._guarded(turn, run, lambda: self._run_flow(turn, run))
        else:
            self._backlog.append(started.call)
            self._admit(turn)

    def _wake(self, turn: Turn, given: FactsRead) -> None:
        started = given.facts[0]
        assert isinstance(started, RunStarted)
        if isinstance(given.facts[-1], RunEnded):
            return
        if given.problem:
            turn.emit(Report("run_stuck", given.id, f"{given.problem}; it is tried again by the next process"))
            return
        try:
            run = fold(given.facts)
        except LocalError as error:
            turn.emit(Report("run_lost", given.id, f"its facts cannot be replayed: {error}"))
            run = RunState(started)
            self.resident[run.id] = run
            self._end(turn, run, "broken", str(error))
            return
        self.resident[run.id] = run
        deaths = self.exchange.blamed.get(run.mark, 0)
        if run.ended is not None:
            turn.emit(RestRun(run.id, run.facts))
        elif is_set_aside(deaths):
            what = f"{deaths} processes died while they worked on this run; it was set aside"
            turn.emit(Report("set_aside", run.id, what))
            self._end(turn, run, "set_aside", what)
        else:
            self._guarded(turn, run, lambda: self._run_flow(turn, run))

    def _run_flow(self, turn: Turn, run: RunState) -> None:
        started = run.started
        program = turn.program_of(started.operation)
        own = program.functions.get(started.flow) if program is not None else None
        function = BUILT_IN.get(started.flow, own)
        if function is None:
            what = f"the flow {started.flow} of this run's operation is not to be had"
            self._finish(turn, run, Finished(FlowEnding.CHANGED, what))
            return
        facade = Run(run.id, started.flow, started.key, started.parent, run.variables, started.at_s)
        run.flow_run = FlowRun(function, facade)
        self._follow(turn, run, run.flow_run.start(run.steps))

    def _follow(self, turn: Turn, run: RunState, advance: Advance) -> None:
        while not isinstance(advance, Finished):
            run.waiting = advance
            result = steps.begin(self, turn, run)
            if result is None:
                return
            advance = self._end_step(turn, run, result)
        self._finish(turn, run, advance)

    def _look_again(self, turn: Turn, run: RunState) -> None:
        """Something became of what the run waits for, or not: its step says."""
        if run.waiting is not None and run.phase is RunPhase.WAITING:
            self._go_on(turn, run, steps.begin(self, turn, run))

    def _go_on(self, turn: Turn, run: RunState, result: StepResult | None) -> None:
        if result is not None:
            run.turn_steps = 0  # something came from outside: the step took its time
            self._follow(turn, run, self._end_step(turn, run, result))

    def end_step(self, turn: Turn, run: RunState, result: StepResult | None) -> None:
        """The step has this result, or goes on where there is none."""
        self._go_on(turn, run, result)

    def _end_step(self, turn: Turn, run: RunState, result: StepResult) -> Advance:
        if run.flow_run is None or run.waiting is None:
            raise LocalError(f"run {run.id}: a step ended that nobody waits for")
        run.timer_at_s = None
        run.asking = 0
        self.record(turn, run, steps.ended(turn, run, result))
        run.waiting = None
        run.turn_steps += 1
        if run.turn_steps > RUN_STEPS_PER_TURN_MAX:
            run.flow_run.drop()
            what = f"the flow took more than {RUN_STEPS_PER_TURN_MAX} steps that take no time, one after the other"
            return Finished(FlowEnding.RAISED, what)
        return run.flow_run.resume(run.steps[-1])

    def _finish(self, turn: Turn, run: RunState, finished: Finished) -> None:
        if finished.ending is FlowEnding.RETURNED:
            try:
                value = write_value(finished.value)
                if len(value) > RUN_RESULT_CHARS_MAX:
                    raise ValueError(f"it has {len(value)} characters, more than {RUN_RESULT_CHARS_MAX}")
            except (TypeError, ValueError, RecursionError) as error:
                self._end(turn, run, FlowEnding.RAISED.value, f"what the flow returned cannot be recorded: {error}")
                return
            self._end(turn, run, FlowEnding.RETURNED.value, "", value)
        else:
            self._end(turn, run, finished.ending.value, finished.error)

    def _end(self, turn: Turn, run: RunState, ending: str, error: str, value: str = "null") -> None:
        run.waiting = None
        run.timer_at_s = None
        if ending != FlowEnding.RETURNED.value:
            using.leave_undone(turn, run, error)
            leave_run(turn, run, ending, error)
        over = RunEnded(run.id, turn.now_s, ending, error, value, run.noted)
        self.record(turn, run, over)
        self.ended.keep(over)
        self.exchange.tickets.on_run_over(turn, run, over)
        if error:
            turn.emit(Report("flow_failed", run.id, error))
        turn.emit(ReadWaiting(f"run {run.id}"))
        turn.emit(RestRun(run.id, run.facts))

    def _guarded(self, turn: Turn, run: RunState, do: Callable[[], None]) -> None:
        """A bug that one run meets ends that run, and nothing else."""
        outer = self.exchange.mark_step(run.mark)
        try:
            do()
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            turn.emit(Report("run_broken", run.id, what))
            if run.phase is not RunPhase.ENDED:
                self._end(turn, run, "broken", what)
        self.exchange.mark_step(outer)

    # Services of steps ----------------------------------------------------------------------------------------------

    def record(self, turn: Turn, run: RunState, fact: RunFact) -> None:
        """Make a fact true: fold it into the run, and have it synced before what follows."""
        run.apply(fact)
        turn.emit(Persist(fact, True))

    def arm(self, run: RunState, at_s: float) -> None:
        """Look at the run at this time, unless its step is over by then."""
        run.timer_at_s = at_s
        if run.armed_at_s is None or at_s < run.armed_at_s:
            run.armed_at_s = at_s
            self.exchange.agenda.add(Due(at_s, "run", run.id))

    def rest(self, turn: Turn, run: RunState) -> None:
        """Let the run leave memory, where nothing is to be done for it within the horizon."""
        waits = run.waits
        if (
            waits is not None
            and not waits.subject.startswith(CALL)
            and (waits.until_s is None or waits.until_s > self.horizon_s)
        ):
            turn.emit(RestRun(run.id, run.facts))
            if waits.until_s is not None:
                self._look_again_by(turn, waits.until_s)
