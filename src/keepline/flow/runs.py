"""What a flow can ask of a run: a flow at work without a caller, for seconds or for weeks.

`Run` is to such a flow what `Call` is to one that a caller hears: its methods make verbs, and each verb awaited is a
step. Time is what the last step left behind, so that a replay decides as the first run did.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from keepline.flow.capabilities import Reply, UseOutcome, checked_use, handles_in, read_value, write_value
from keepline.flow.promises import CallbackPromised, NoCallback, checked_promise
from keepline.flow.quiet import Field, Log, Outcome, Wait, checked_note
from keepline.flow.steps import StepRequest, StepResult, Verb, check_times, check_words
from keepline.model.limits_runs import EVENT_KEY_CHARS_MAX, RUN_VARIABLES_CHARS_MAX, RUN_WAIT_S_MAX

_NAME = re.compile(r"[A-Za-z_][\w.-]{0,63}", re.A)
_KEY = re.compile(rf"[^\s\x00-\x1f\x7f]{{1,{EVENT_KEY_CHARS_MAX}}}")
RING_TIMEOUT_S = 60.0
"""Of a call that a run places, where nothing is said."""


@dataclass(frozen=True, slots=True)
class Overdue:
    """What was waited for did not come in time. It is false."""

    ok: ClassVar[Literal[False]] = False

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class StartedRun:
    """A run that was started, now or by an earlier start with the same key."""

    id: str
    flow: str
    ok: ClassVar[Literal[True]] = True


@dataclass(frozen=True, slots=True)
class Returned:
    """A child's flow came to its end; `value` is what it returned."""

    value: Any
    outcome: str = ""
    """What it noted last by `outcome`."""
    ok: ClassVar[Literal[True]] = True


@dataclass(frozen=True, slots=True)
class Raised:
    """A child's flow failed, or there is no such run. It is false."""

    error: str
    ok: ClassVar[Literal[False]] = False

    def __bool__(self) -> bool:
        return False


@dataclass(frozen=True, slots=True)
class Called:
    """Whoever was called answered, and the flow of that call came to its end."""

    call: str
    """Id of the call."""
    outcome: str
    """Of its record: what its flow noted, else `answered`."""
    fields: Mapping[str, Field]
    """What the flow noted with it."""
    ok: ClassVar[Literal[True]] = True


@dataclass(frozen=True, slots=True)
class NotCalled:
    """Nobody answered, or the flow of the call failed. It is false."""

    call: str
    """Empty where no call was placed."""
    outcome: str
    """Of its record: busy, no_answer, refused, cancelled, failed; lost where its carrier died under it."""
    detail: str = ""
    answered: bool = False
    """Somebody did answer."""
    ended_by: str = ""
    """callee, node or nobody, as the record has it."""
    ok: ClassVar[Literal[False]] = False

    def __bool__(self) -> bool:
        return False


# Requests -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StartFlow(StepRequest):
    """Start a run of another flow."""

    flow: str
    key: str
    variables: str
    """JSON, as `write_value` has it."""

    verb = "start"

    def returned(self, result: StepResult) -> StartedRun:
        return StartedRun(result.value, self.flow)


@dataclass(frozen=True, slots=True)
class Join(StepRequest):
    """Wait for the end of a run."""

    run: str
    timeout_s: float | None

    verb = "join"

    def returned(self, result: StepResult) -> Returned | Raised | Overdue:
        if result.reason == "timed_out":
            return Overdue()
        told = read_value(result.value)
        return Returned(told["value"], told["outcome"]) if result.reason == "returned" else Raised(told["error"])


@dataclass(frozen=True, slots=True)
class WaitFor(StepRequest):
    """Wait until somebody outside tells of an event."""

    event: str
    key: str
    timeout_s: float | None

    verb = "wait_for"

    @property
    def subject(self) -> str:
        """What is waited for, as the journal has it."""
        return event_subject(self.event, self.key)

    def returned(self, result: StepResult) -> Reply | Overdue:
        return Overdue() if result.reason == "timed_out" else Reply(read_value(result.value))


@dataclass(frozen=True, slots=True)
class CallOut(StepRequest):
    """Place a call with a flow of its own, and wait for its end."""

    number: str
    flow: str
    from_number: str
    trunk: str
    ring_timeout_s: float
    variables: tuple[tuple[str, str], ...]
    ends: str = ""
    """Id of a call whose line is dead: it is hung up on first, since this one is in its place."""
    avoid: str = ""
    """The carrier that is asked last."""

    verb = "call_out"

    def returned(self, result: StepResult) -> Called | NotCalled:
        told = read_value(result.value)
        if result.reason == "called":
            return Called(told["call"], told["outcome"], told["fields"])
        more = (told.get("answered", False), told.get("ended_by", ""))
        return NotCalled(told["call"], told["outcome"], told["detail"], *more)


@dataclass(slots=True)
class Run:
    """The run that a flow is at work in."""

    id: str
    flow: str
    key: str = ""
    """What it was started with; of two starts with one key the second one changes nothing."""
    parent: str = ""
    """Id of the call or the run that started it; empty where a command did."""
    variables: Mapping[str, Any] = field(default_factory=dict)
    """What it was started with."""
    now_s: float = 0.0
    """When the last verb ended, or the run began: seconds since the epoch, the same in a replay."""

    def use(self, name: str, /, **arguments: object) -> Verb[UseOutcome]:
        """Ask something of a capability; see `Call.use`. What came of it is synced before the flow goes on."""
        return Verb(checked_use(name, arguments, ""))

    def wait(self, seconds: float) -> Verb[None]:
        """Let time pass, up to 400 days; the end of it is on record, and outlives every process."""
        if not 0 <= seconds <= RUN_WAIT_S_MAX:  # so written, NaN is refused too
            raise ValueError(f"wait: seconds must be 0 to {RUN_WAIT_S_MAX}, not {seconds}")
        return Verb(Wait(seconds))

    def wait_for(self, event: str, key: str = "", *, timeout_s: float | None = None) -> Verb[Reply | Overdue]:
        """Wait until somebody tells of this event with this key, else this run's id; its fields are attributes then.

        One that was told before is kept, and ends the wait at once. Of several runs that wait for the same, one hears.
        """
        key = key or self.id
        check_event(event, key)
        return Verb(WaitFor(event, key, checked_timeout("wait_for", timeout_s)))

    def start(self, flow: str, *, key: str = "", **variables: object) -> Verb[StartedRun]:
        """Start a run of another flow, a child; with a `key`, once for all runs of that flow that ever have it."""
        return Verb(checked_start(flow, key, variables))

    def join(self, run: StartedRun | str, *, timeout_s: float | None = None) -> Verb[Returned | Raised | Overdue]:
        """Wait for the end of a run that was started; gives what its flow returned."""
        wanted = run.id if isinstance(run, StartedRun) else run
        check_words("join", run=wanted)
        return Verb(Join(wanted, checked_timeout("join", timeout_s)))

    def call_out(
        self,
        number: str,
        flow: str,
        *,
        from_: str = "",
        trunk: str = "",
        ring_timeout_s: float = RING_TIMEOUT_S,
        ends: str = "",
        avoid: str = "",
        **variables: str,
    ) -> Verb[Called | NotCalled]:
        """Place a call, once, whose flow finds `variables` in `call.variables`; gives what came of it at its end.

        `ends` is the id of a call of theirs whose line is dead, and is hung up on first; `avoid` names the carrier that
        is asked last.
        """
        check_words("call_out", number=number, flow=flow, from_=from_, trunk=trunk, ends=ends, avoid=avoid, **variables)
        check_times("call_out", ring_timeout_s=ring_timeout_s)
        return Verb(CallOut(number, flow, from_, trunk, ring_timeout_s, tuple(variables.items()), ends, avoid))

    def promise_callback(
        self,
        number: str,
        flow: str = "",
        *,
        after_s: float = 0.0,
        within_s: float | None = None,
        unless_called: bool = False,
        **variables: str,
    ) -> Verb[CallbackPromised | NoCallback]:
        """Promise that this number is called back by a flow, as `Call.promise_callback` does it."""
        request = checked_promise(number, flow, after_s, within_s, variables, unless_called=unless_called)
        if not number:
            raise ValueError("promise_callback: a run has no caller: name the number")
        return Verb(request)

    def log(self, event: str, /, **fields: Field) -> Verb[None]:
        """Put a line into the run's story."""
        return Verb(checked_note(Log, event, fields))

    def outcome(self, name: str, /, **fields: Field) -> Verb[None]:
        """Say what the run came to; the last one stands."""
        return Verb(checked_note(Outcome, name, fields))


# What is asked for, checked -------------------------------------------------------------------------------------------


def check_event(event: str, key: str) -> None:
    """Raise `ValueError` for what is no name of an event, or no key."""
    check_words("event", event=event, key=key)
    if not _NAME.fullmatch(event):
        raise ValueError(f"{event!r} is no name of an event: letters, digits, _ . and -, a letter first")
    if not _KEY.fullmatch(key):
        raise ValueError(f"{key!r} is no key of an event: up to {EVENT_KEY_CHARS_MAX} characters without spaces")


def event_subject(event: str, key: str) -> str:
    """What whoever waits for this event is waiting for."""
    return f"event {event} {key}"


def checked_timeout(verb: str, timeout_s: float | None) -> float | None:
    """The same; raises `ValueError` for what is no time to wait."""
    check_times(verb, timeout_s=timeout_s)
    if timeout_s is not None and timeout_s > RUN_WAIT_S_MAX:
        raise ValueError(f"{verb}: timeout_s is at most {RUN_WAIT_S_MAX}, not {timeout_s}")
    return timeout_s


def checked_start(flow: str, key: str, variables: Mapping[str, object]) -> StartFlow:
    """The request; raises `ValueError` or `TypeError` for what cannot be started or recorded."""
    check_words("start", flow=flow, key=key)
    if key and not _KEY.fullmatch(key):
        raise ValueError(f"start: a key has up to {EVENT_KEY_CHARS_MAX} characters without spaces, not {key!r}")
    text = write_value(dict(variables))
    if handles_in(text):
        raise ValueError("start: a secret ends with its call, and cannot be given to a run")
    if len(text) > RUN_VARIABLES_CHARS_MAX:
        raise ValueError(f"start: the variables have {len(text)} characters, more than {RUN_VARIABLES_CHARS_MAX}")
    return StartFlow(flow, key, text)
