"""By which of several paths a change is made: the next one is asked only where all before it have surely not done it.

What one of them may have done is found out there, and asked of no other. An outbox behind it may keep it, since it is
made by the same path under the same key; nothing else may follow a doubt. A path that promises does nothing itself, so
nothing can go wrong there but the record of the promise.
"""

from dataclasses import dataclass

from keepline.call.facts import UseKept, UseStarted
from keepline.call.facts.run import RunStarted
from keepline.call.runs.starting import run_id
from keepline.call.state import CallState
from keepline.call.turn import Turn
from keepline.call.unfinished.doubt import Asker, key_of
from keepline.flow.capabilities import (
    NO_RECORD,
    Pending,
    Promised,
    SecretsGone,
    Unavailable,
    Unknown,
    UseOutcome,
    handles_in,
    outcome_words,
    read_value,
    without_secrets,
    write_outcome,
    write_value,
)
from keepline.model.capability import PROMISING, Capability, CapabilityAction, CapabilityPath, Deferred, Outbox


@dataclass(frozen=True, slots=True)
class Onward:
    """Where a change goes next."""

    path: str
    why: str
    """The path before was left."""
    doubted: str = ""
    """The path that may have done it."""


def capability_of(turn: Turn, call: CallState, name: str) -> Capability | None:
    """As the call's version of the operation has it."""
    program = turn.program_of(call.received.operation)
    return program.operation.capabilities.get(name) if program is not None else None


def action_of(turn: Turn, call: CallState, capability: str, action: str, path: str = "") -> CapabilityAction | None:
    """What the call's version of the operation says of an action, of that path or the first; None where it has none."""
    found = capability_of(turn, call, capability)
    return found.action(action, path) if found is not None else None


def first_path(turn: Turn, capability: Capability, action: str, arguments: str) -> Onward:
    """Where a change goes first: behind its like, where that is kept; no name for the only path."""
    paths = capability.change_paths(action)
    if len(paths) < 2:
        return Onward("", "")
    for box in paths[1:]:
        is_box = isinstance(box.connector, Outbox) and not handles_in(arguments)
        if is_box and turn.switchboard.is_kept(capability.name, paths[0].name, series_of(box, action, arguments)):
            return Onward(box.name, "others of its kind are kept, and come first")
    return Onward(paths[0].name, "")


def onward(capability: Capability, use: UseStarted, outcome: UseOutcome) -> Onward | None:
    """Where a change goes after this outcome at its path; None where it goes nowhere."""
    paths = capability.change_paths(use.action)
    names = [path.name for path in paths]
    if use.path not in names or isinstance(outcome, SecretsGone | Pending):
        return None
    later = paths[names.index(use.path) + 1 :]
    words = outcome_words(write_outcome(outcome, changes=True))
    if isinstance(outcome, Unavailable):
        if outcome.reason.startswith(NO_RECORD):
            return None
        fit = [path for path in later if not (isinstance(path.connector, Outbox) and handles_in(use.arguments))]
        return Onward(fit[0].name, f"{use.path}: {words}") if fit else None
    if isinstance(outcome, Unknown) and not handles_in(use.arguments):
        action = paths[names.index(use.path)].actions[use.action]
        boxes = [path for path in later if isinstance(path.connector, Outbox)]
        if action.idempotent and boxes:
            return Onward(boxes[0].name, f"{use.path}: {words}", use.path)
    return None


def is_promise_asked(capability: Capability | None, use: UseStarted) -> bool:
    """Whether the path that a use is at does nothing but promise."""
    path = capability.path(use.path) if capability is not None and use.path else None
    return path is not None and isinstance(path.connector, PROMISING)


def promised(use: UseStarted, outcome: UseOutcome) -> UseOutcome:
    """The outcome at such a path: a promise, unless it could not be put on record."""
    if isinstance(outcome, Unavailable) and outcome.reason.startswith(NO_RECORD):
        return Unknown(use.why) if use.doubted else outcome
    return Promised(use.why)


def series_of(box: CapabilityPath, action: str, arguments: str) -> str:
    """What a change is about, for an outbox; the same text for the same value."""
    key = box.actions[action].key
    return write_value(read_value(arguments).get(key)) if key else ""


def keep(turn: Turn, asker: Asker, capability: Capability, use: UseStarted, found: Promised) -> UseOutcome:
    """Put a promise on record, with all that is needed to keep it."""
    path = capability.path(use.path)
    assert path is not None
    first_at_s = use.first_at_s or use.at_s
    if isinstance(path.connector, Outbox):
        made_by = use.doubted or capability.change_paths(use.action)[0].name
        item = key_of(asker.id, use.step)
        turn.leave(
            UseKept(
                asker.id, turn.now_s, item, use.step, asker.flow, capability.name, use.action, use.arguments,
                asker.operation, asker.from_number, asker.to_number, found.reason, made_by,
                series_of(path, use.action, use.arguments), first_at_s, first_at_s if use.doubted else 0.0, use.attempt,
                turn.now_s + path.connector.keep_s,
            )
        )  # fmt: skip
        return Promised(found.reason, item)
    assert isinstance(path.connector, Deferred)
    run = run_id("step", asker.id, str(use.step))
    told = {
        "use": f"{capability.name}.{use.action}", "arguments": read_value(without_secrets(use.arguments)),
        "idempotency_key": key_of(asker.id, use.step), "from_number": asker.from_number, "call": asker.id,
        "why": found.reason,
    }  # fmt: skip
    flow = path.actions[use.action].flow
    turn.switchboard.start(
        turn, RunStarted(run, turn.now_s, flow, "", asker.operation, asker.id, use.step, write_value(told))
    )
    return Promised(found.reason, run)
