"""The capabilities of the versions that calls run, at work: uses are carried out beside everything else.

Connectors are imported where an operation has them, and made when they are first needed. It decides nothing: what was
asked is answered, at its deadline at the latest.
"""

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from keepline.call.effects import CallCapability, CapabilityAnswered, Input
from keepline.call.inputs import UseRoute
from keepline.config.flows import import_class
from keepline.connectors.bulkhead import Bulkhead
from keepline.connectors.interface import Asked, Connector
from keepline.connectors.revealing import Revealing
from keepline.flow.capabilities import (
    NO_ARGUMENTS,
    NO_RECORD,
    Promised,
    Reply,
    Unavailable,
    Unknown,
    UseOutcome,
    read_value,
    without_secrets,
)
from keepline.model.capability import (
    Capability,
    CapabilityPath,
    Deferred,
    HttpService,
    Outbox,
    PythonClass,
    Snapshot,
)
from keepline.model.operation import Operation
from keepline.node.reading import LATE, Reading, read
from keepline.node.use_crew import UseCrew
from keepline.node.use_paths import PathKey, UsePaths

HTTP = "keepline.connectors.http.client"
PYTHON = "keepline.connectors.python.runner"
SNAPSHOT = "keepline.connectors.snapshot.client"
OUTBOX = "keepline.connectors.outbox.client"
DEFERRED = "keepline.connectors.deferred.client"
MODULES = {HttpService: HTTP, PythonClass: PYTHON, Snapshot: SNAPSHOT, Outbox: OUTBOX, Deferred: DEFERRED}
Make = Callable[[Operation, CapabilityPath], Connector]
log = structlog.get_logger("calls")


def load_connectors(operation: Operation) -> None:
    """Import what the operation's paths need, before a call needs it: an import holds up the loop."""
    for capability in operation.capabilities.values():
        for path in capability.paths:
            if (module := MODULES.get(type(path.connector))) is not None:
                importlib.import_module(module)


@dataclass(frozen=True, slots=True)
class _Place:
    """A path of one version, at work."""

    key: PathKey
    path: CapabilityPath
    bulkhead: Bulkhead


@dataclass(frozen=True, slots=True)
class _Route:
    """Where uses of one action go."""

    operation: Operation
    capability: Capability
    paths: tuple[CapabilityPath, ...]
    only: _Place | None
    """Where there is no choice."""


class Capabilities:
    """Every path of every version that calls run."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        operation_of: Callable[[str], Operation | None],
        feed: Callable[[Sequence[Input]], None],
        now_s: Callable[[], float],
        reveal: Callable[[str, int, Iterable[int]], Awaitable[Mapping[int, str] | Unavailable]],
        data: Path,
    ) -> None:
        """`operation_of` gives a version by its digest; `feed` takes the answers; `reveal` has what handles stand for.

        `reveal` is given the call, its slot and the handles; in `data` are the copies of `snapshot` paths.
        """
        self._reveal, self._data = reveal, data
        self._loop = loop
        self._operation_of = operation_of
        self._feed = feed
        self._now_s = now_s
        self._places: dict[PathKey, _Place] = {}
        self._routes: dict[tuple[str, str, str, str, bool], _Route] = {}
        self.choosing = UsePaths(now_s)
        self._crew = UseCrew(loop, self._carry_out)
        self.outlets: Mapping[type, Make] = {}
        """What makes the connectors of outlets."""
        self._answers: list[Input] = []
        """What came within one round of the loop is fed together."""
        self.doubt: Callable[[], str] = lambda: ""
        """Why no answer can be put on record now."""

    def ask(self, wanted: CallCapability) -> None:
        """Begin a use; its answer is fed when there is one."""
        self._crew.ask(wanted)

    def refuse(self, wanted: CallCapability, why: str) -> None:
        """Answer without asking."""
        self._answer(wanted, Unavailable(why))

    async def _carry_out(self, wanted: CallCapability) -> None:
        way: UseRoute | None = None
        try:
            outcome, way = await self._outcome(wanted)
        except Exception as error:  # nothing was asked
            log.exception("use_broken", call=wanted.call, capability=wanted.capability)
            outcome = Unavailable(f"{type(error).__name__}: {error}")
        self._answer(wanted, outcome, way)

    def _answer(self, wanted: CallCapability, outcome: UseOutcome, way: UseRoute | None = None) -> None:
        if wanted.changes and isinstance(outcome, Reply) and self.doubt():
            # Its caller would hear a promise that nobody remembers after a power cut: better asked for again.
            outcome = Unknown(f"{NO_RECORD}the answer could not be put on record ({self.doubt()})")
        if isinstance(outcome, Promised) and self.doubt():
            outcome = Unavailable(f"{NO_RECORD}a promise could not be put on record ({self.doubt()})")
        if not self._answers:
            self._loop.call_soon(self._feed_answers)
        self._answers.append(CapabilityAnswered(wanted.call, wanted.step, outcome, wanted.attempt, way))

    def _feed_answers(self) -> None:
        answers, self._answers = self._answers, []
        self._feed(answers)

    async def _outcome(self, wanted: CallCapability) -> tuple[UseOutcome, UseRoute | None]:
        name = (wanted.operation, wanted.capability, wanted.action, wanted.path, wanted.changes)
        route = self._routes.get(name)
        if route is None:
            route = self._find_route(wanted)
            if route is None:
                return Unavailable(f"the operation has no {wanted.capability}.{wanted.action}"), None
            self._routes[name] = route
        if wanted.path and wanted.may_skip:
            why = self.choosing.barred(wanted.operation, route.capability, wanted.path)
            if why:
                return Unavailable(why), None
        if route.only is not None:
            left_s = wanted.deadline_s - self._now_s()
            return LATE if left_s <= 0 else await self._ask_place(route.only, wanted, left_s), None
        names = (wanted.operation, route.capability, route.paths, wanted.action)
        reading = Reading(self.choosing, *names, wanted.deadline_s, may_hedge=wanted.may_hedge)

        def ask(path: CapabilityPath, seconds: float) -> Awaitable[UseOutcome]:
            place = self._place(wanted.operation, route.operation, route.capability, path)
            return self._ask_place(place, wanted, seconds)

        return await read(reading, self._now_s, ask)

    def _find_route(self, wanted: CallCapability) -> _Route | None:
        """As the version has it, which never changes; None where there is none."""
        operation = self._operation_of(wanted.operation)
        capability = operation.capabilities.get(wanted.capability) if operation is not None else None
        action = capability.action(wanted.action, wanted.path) if capability is not None else None
        if operation is None or capability is None or action is None:
            return None
        paths = self.choosing.candidates(capability, wanted.action, wanted.path, changes=wanted.changes)
        only = self._place(wanted.operation, operation, capability, paths[0]) if len(paths) == 1 else None
        return _Route(operation, capability, paths, only)

    def _place(self, version: str, operation: Operation, capability: Capability, path: CapabilityPath) -> _Place:
        key = (version, capability.name, path.name)
        if key not in self._places:
            name = f"{capability.name}/{path.name}"
            make = self.outlets.get(type(path.connector))
            made = make(operation, path) if make is not None else _connector(operation, path, name, self._data)
            connector = Revealing(made, name)
            self._places[key] = _Place(key, path, Bulkhead(name, connector, path.in_flight_max))
        return self._places[key]

    async def _ask_place(self, place: _Place, wanted: CallCapability, left_s: float) -> UseOutcome:
        action, written = wanted.action, wanted.arguments
        if isinstance(place.path.connector, Deferred):
            written = without_secrets(written)
        arguments: dict[str, Any] = read_value(written) if written != NO_ARGUMENTS else {}
        reveal = partial(self._reveal, wanted.call, wanted.slot)
        asked = Asked(action, place.path.actions[action], arguments, wanted.idempotency_key, left_s, reveal)
        return await self.choosing.ask(place.key, asked, place.bulkhead.ask)


def _connector(operation: Operation, path: CapabilityPath, name: str, data: Path) -> Connector:
    made: Connector
    connector = path.connector
    if isinstance(connector, HttpService):
        made = importlib.import_module(HTTP).HttpConnector(connector, path.in_flight_max)
    elif isinstance(connector, Snapshot):
        from keepline.connectors.snapshot.file import copy_place

        place = copy_place(data, name.partition("/")[0], path.name, connector, path.actions)
        made = importlib.import_module(SNAPSHOT).SnapshotConnector(place, connector.age_s_max)
    elif isinstance(connector, Outbox):
        made = importlib.import_module(OUTBOX).OutboxConnector()
    elif isinstance(connector, Deferred):
        made = importlib.import_module(DEFERRED).DeferredConnector()
    else:
        assert isinstance(connector, PythonClass), f"{name}: nothing here makes outlets"
        make = lambda: import_class(operation, connector.module, connector.name)()  # noqa: E731
        made = importlib.import_module(PYTHON).PythonConnector(make, connector.threads, name)
    return made
