"""How a run begins: its id, and what may be wrong with what is asked for.

With a key the id follows from the flow and the key, so that whoever asks again, after a crash or by mistake, asks for
the same run. Without one it follows from the step that starts it, or a command names it.
"""

import re
from hashlib import blake2b

from keepline.call.effects_run import StartRun, TellEvent, Variables
from keepline.call.facts import Fact
from keepline.call.facts.run import EventTold, RunStarted
from keepline.call.turn import Program
from keepline.flow import StartFlow, takes_run
from keepline.flow.capabilities import read_value, write_value
from keepline.flow.playbook import BRANCH
from keepline.flow.runs import check_event, checked_start

_RUN = re.compile(r"r[0-9a-f]{15}", re.A)
_EVENT = re.compile(r"e[0-9a-f]{15}", re.A)
_VARIABLE = re.compile(r"[A-Za-z_]\w{0,63}", re.A)


def run_id(*words: str) -> str:
    """The id that follows from these."""
    return "r" + blake2b("\0".join(words).encode(), digest_size=8).hexdigest()[:15]


def version_for(request: StartFlow, own: Program, current: Program) -> Program:
    """The version that a run is started with by a run: a child is its parent's, one with a key is on its own.

    So a run that starts its next one, day after day, comes to what has been upgraded meanwhile.
    """
    return current if request.key and not _mistake_in_flow(request.flow, current) else own


def started_by_step(
    request: StartFlow, parent: str, step: int, now_s: float, program: Program
) -> tuple[RunStarted | None, str]:
    """The start that a step of a flow asks for, or why there can be none."""
    mistake = "" if request.flow == BRANCH else _mistake_in_flow(request.flow, program)
    if mistake:
        return None, mistake
    key = request.key
    id_ = run_id("key", request.flow, key) if key else run_id("step", parent, str(step))
    digest = program.operation.digest
    return RunStarted(id_, now_s, request.flow, key, digest, parent, step, request.variables), ""


def started_by_command(wanted: StartRun, now_s: float, program: Program) -> RunStarted:
    """The start that a command asks for."""
    id_ = run_id("key", wanted.flow, wanted.key) if wanted.key else wanted.id
    variables = write_value(dict(wanted.variables))
    return RunStarted(id_, now_s, wanted.flow, wanted.key, program.operation.digest, "", -1, variables)


def mistake_in_start(wanted: StartRun, program: Program) -> str:
    """What is wrong with what a command asks for, in words that say what would be right; empty where nothing is."""
    if not _RUN.fullmatch(wanted.id):
        return f"{wanted.id!r} is not a run's id: r and 15 hex digits"
    try:
        checked_start(wanted.flow, wanted.key, dict(wanted.variables))
    except (TypeError, ValueError) as error:
        return str(error)
    return _mistake_in_variables(wanted.variables) or _mistake_in_flow(wanted.flow, program)


def mistake_in_event(given: TellEvent) -> str:
    """The same of an event."""
    if not _EVENT.fullmatch(given.id):
        return f"{given.id!r} is not an event's id: e and 15 hex digits"
    try:
        check_event(given.event, given.key)
        checked_start("", "", dict(given.variables))
    except (TypeError, ValueError) as error:
        return str(error)
    return _mistake_in_variables(given.variables)


def mistake_in_repetition(given: TellEvent, told: Fact) -> str:
    """What is wrong with telling of an event under an id that is on record; empty where it is told again."""
    if isinstance(told, EventTold) and (told.event, told.key) == (given.event, given.key):
        if read_value(told.variables) == read_value(write_value(dict(given.variables))):
            return ""
        return f"the event {given.id} was told before, with other fields: {told.variables[:200]}"
    return f"{given.id} is the id of something else"


def _mistake_in_variables(variables: Variables) -> str:
    bad = next((name for name, _ in variables if not _VARIABLE.fullmatch(name)), None)
    return "" if bad is None else f"{bad!r} is not a variable's name: letters, digits and _, a letter first"


def _mistake_in_flow(flow: str, program: Program) -> str:
    function = program.functions.get(flow)
    if function is None:
        known = sorted(name for name, each in program.functions.items() if takes_run(each))
        return f"the operation has no flow {flow!r}; for runs it has {', '.join(known) or 'none'}"
    if not takes_run(function):
        return f"the flow {flow!r} is for calls: one that runs without a caller is annotated `run: Run`"
    return ""
