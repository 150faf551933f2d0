"""Facts of what a call leaves unfinished: uses whose outcome is in doubt, and what people have to see to.

They may come after the call's end. Each that begins something holds all that is needed to finish it by hand.
"""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class UsePending:
    """A change was asked for, what became of it is in doubt, and nobody waits any more: it is found out after."""

    kind: ClassVar[str] = "use_pending.1"
    call: str
    at_s: float
    item: str
    """The idempotency key of the use; the work list knows it by the same."""
    step: int
    flow: str
    capability: str
    action: str
    arguments: str
    """JSON; of secrets the handle and the count."""
    operation: str
    """Digest of the version that asked."""
    from_number: str
    to_number: str
    why: str
    """The outcome is in doubt."""
    first_at_s: float
    """When it was asked for first."""
    sent_at_s: float
    """When it was sent last, as far as it was."""
    attempts: int
    """So far."""
    next_at_s: float
    until_s: float
    """Then it is for a person to find out."""
    path: str = ""
    """That was asked; empty for the first."""


@dataclass(frozen=True, slots=True)
class UseKept:
    """A change is promised and kept: it is made once its path takes it, in the order of its series."""

    kind: ClassVar[str] = "use_kept.1"
    call: str
    at_s: float
    item: str
    """Its idempotency key; `keepline outbox` knows it by the same."""
    step: int
    flow: str
    capability: str
    action: str
    arguments: str
    """JSON."""
    operation: str
    """Digest of the version that asked."""
    from_number: str
    to_number: str
    why: str
    """It could not be made at once."""
    path: str
    """That it is made by."""
    series: str
    """What it is about: changes of one capability and series are made in their order."""
    first_at_s: float
    """When it was asked for first."""
    sent_at_s: float
    """When it was sent last, and may have been done; 0 where it surely was not."""
    attempts: int
    """So far."""
    until_s: float
    """Then it is for a person."""


@dataclass(frozen=True, slots=True)
class WorkRetried:
    """Somebody wants a kept change that was in conflict to be tried again."""

    kind: ClassVar[str] = "work_retried.1"
    call: str
    at_s: float
    item: str
    by: str


@dataclass(frozen=True, slots=True)
class UseTried:
    """An attempt to make a kept change, or to find out what became of a use, came to nothing."""

    kind: ClassVar[str] = "use_tried.1"
    call: str
    at_s: float
    item: str
    attempt: int
    """Those of the call counted in."""
    asks: str
    """The action that was asked: its own, again, or the one that tells."""
    why: str
    sent_at_s: float
    """When the change itself was sent last."""
    next_at_s: float


@dataclass(frozen=True, slots=True)
class UseResolved:
    """What became of a use is certain."""

    kind: ClassVar[str] = "use_resolved.1"
    call: str
    at_s: float
    item: str
    step: int
    name: str
    """CAPABILITY.ACTION"""
    outcome: str
    """JSON, as the value of the step would have been."""
    attempt: int
    asks: str


@dataclass(frozen=True, slots=True)
class WorkOpened:
    """Something for a person to see to."""

    kind: ClassVar[str] = "work_opened.1"
    call: str
    at_s: float
    item: str
    about: str
    """use (a change whose outcome cannot be had), conflict (one that was promised and cannot be made), call_broken
    (a call that we broke off), call_failed (one whose flow failed after it had changed something), run_failed (a run
    that ended otherwise than by returning) or callback (somebody who was promised a call was not reached in time)."""
    why: str
    flow: str
    from_number: str
    to_number: str
    step: int = -1
    """With all that follow: of a use."""
    capability: str = ""
    action: str = ""
    arguments: str = ""
    operation: str = ""
    first_at_s: float = 0.0
    sent_at_s: float = 0.0
    attempts: int = 0
    key: str = ""
    """With all that follow: of a call or a run that failed. The key that the run was started with."""
    parent: str = ""
    """Who started the run, or placed the call."""
    variables: str = ""
    """JSON: what it was started with."""
    error: str = ""
    """What went wrong, with the traceback where there is one."""
    made: str = ""
    """JSON: what it had changed before, as `call.unfinished.failed` writes it."""
    path: str = ""
    """Of a use: what was asked."""


@dataclass(frozen=True, slots=True)
class WorkClosed:
    """Somebody has seen to it."""

    kind: ClassVar[str] = "work_closed.1"
    call: str
    at_s: float
    item: str
    by: str
    outcome: str
    """done, not-done or void."""
    note: str


WorkFact = UsePending | UseKept | UseTried | UseResolved | WorkOpened | WorkRetried | WorkClosed
WORK_TYPES = (UsePending, UseKept, UseTried, UseResolved, WorkOpened, WorkRetried, WorkClosed)
