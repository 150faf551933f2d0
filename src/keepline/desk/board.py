"""The board: what the node says and what its journal holds, drawn together. It asks only when it is told to.

Three questions, each of which may fail alone: the supervisor (`ask_status`), the process that takes calls
(`ask_paths`), the journal (`look`). What does not answer is said to be late, and what it said last stays, with its age.
"""

import threading
import time
from collections.abc import Callable
from typing import Final

from keepline.call.facts import CallAnswered, CallEnded, CallPlaced, CallReceived, Fact
from keepline.call.facts.incident import INCIDENT_TYPES
from keepline.desk.happenings import HAPPENING_FACTS, Happenings, refusal_of
from keepline.desk.meaning import TELEPHONY, capability_of, verdict_of
from keepline.desk.models import Process, Status
from keepline.desk.models_board import (
    CapabilityNow,
    CarrierNow,
    IncidentNow,
    Late,
    NodeNow,
    Now,
    Part,
    PathNow,
    PathsNow,
)
from keepline.desk.source import Source, Unavailable
from keepline.desk.traffic import TRAFFIC_FACTS, Traffic
from keepline.incident.book import INCIDENT_IDS, IncidentBook
from keepline.incident.modes import mode_now
from keepline.incident.state import Incident
from keepline.model.limits_desk import (
    BOARD_CALLS_MAX,
    BOARD_FACTS_BACK_MAX,
    BOARD_FACTS_PER_LOOK,
    BOARD_WITHIN_S,
)

KINDS: Final = tuple(dict.fromkeys(each.kind for each in (*TRAFFIC_FACTS, *HAPPENING_FACTS, *INCIDENT_TYPES)))
_OPEN_KINDS: Final = tuple(each.kind for each in (CallReceived, CallPlaced, CallAnswered))
_STEADY_S: Final = 2.0
"""When the node began is drawn from its age, which is told a little late: smaller steps are none."""


class _Answers:
    """When a part of the node answered last, and what was wrong since."""

    __slots__ = ("at_s", "why")

    def __init__(self, now_s: float) -> None:
        self.at_s, self.why = now_s, ""


class Board:
    """The board of one node. Every method may be called from any thread, and may block."""

    def __init__(self, source: Source, clock: Callable[[], float] = time.time) -> None:
        self.source, self._clock = source, clock
        self._lock = threading.Lock()
        self._reading = threading.Lock()
        self._traffic = Traffic()
        self._happenings = Happenings()
        self._book = IncidentBook()
        self._position: int | None = None
        self._last = 0
        """Of the last fact of any kind."""
        self._refusable: set[str] = set()
        """Calls that came in and were not answered yet."""
        self._status: Status | None = None
        self._paths: list[PathNow] = []
        self._began_s = 0.0
        now_s = clock()
        self._node, self._calls, self._journal = (_Answers(now_s) for _ in range(3))

    # Asking -----------------------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Ask everything once, for whoever comes when nobody else looks."""
        for ask in (self.ask_status, self.ask_paths, self.look):
            ask()

    def ask_status(self) -> None:
        """How the node is, as its supervisor says."""
        try:
            status = Status.model_validate(self.source.status())
        except (Unavailable, ValueError) as error:
            self._node.why = str(error)
            return
        now_s = self._clock()
        with self._lock:
            self._status = status
            self._node.at_s, self._node.why = now_s, ""
            if abs((began_s := now_s - status.uptime_s) - self._began_s) > _STEADY_S:
                self._began_s = round(began_s, 1)
            self._happenings.compare_status(status, now_s)

    def ask_paths(self) -> None:
        """How every path is, as the process says that takes calls."""
        try:
            paths = PathsNow.model_validate({"paths": self.source.paths()}).paths
        except (Unavailable, ValueError) as error:
            self._calls.why = str(error)
            return
        now_s = self._clock()
        with self._lock:
            self._paths = paths
            self._calls.at_s, self._calls.why = now_s, ""
            self._happenings.compare_paths(paths, now_s)

    def look(self) -> None:
        """Read what the journal has got since; the first time a little of what was before."""
        with self._reading:
            try:
                self._last = self.source.last_position()
                if self._position is None or self._last < self._position:  # another journal is in its place
                    self._begin(self._last)
                while self._follow():
                    pass
                self._position = max(self._position or 0, self._last)  # the other facts up to there are none of ours
            except Unavailable as error:
                self._journal.why = str(error)
                return
            self._journal.at_s, self._journal.why = self._clock(), ""

    def _begin(self, last: int) -> None:
        position = max(0, last - BOARD_FACTS_BACK_MAX)
        first = self.source.facts_after(position, KINDS, BOARD_FACTS_PER_LOOK)
        traffic = Traffic()
        since_s = 0.0 if position == 0 else first[0][1].at_s if first else self._clock()
        seen = {fact.call for _, fact in first}
        open_calls = self.source.open_calls(_OPEN_KINDS, BOARD_CALLS_MAX)
        traffic.begin([fact for fact in open_calls if fact.call not in seen], since_s)
        incidents = [each for first, end in INCIDENT_IDS for each in self.source.facts_within(first, end)]
        book = IncidentBook(fact for at, fact in sorted(incidents, key=lambda each: each[0]) if at <= position)
        with self._lock:
            self._traffic, self._position, self._book = traffic, position, book

    def _follow(self) -> bool:
        """The next facts; whether there may be more."""
        assert self._position is not None
        found = self.source.facts_after(self._position, KINDS, BOARD_FACTS_PER_LOOK)
        with self._lock:
            for position, fact in found:
                self._position = position
                self._count(fact)
        return len(found) == BOARD_FACTS_PER_LOOK

    def _count(self, fact: Fact) -> None:
        if self._book.note(fact):
            self._happenings.count(fact)
            return
        self._traffic.count(fact)
        if isinstance(fact, CallReceived):
            self._refusable.add(fact.call)
        elif isinstance(fact, CallAnswered):
            self._refusable.discard(fact.call)
        elif isinstance(fact, CallEnded) and fact.call in self._refusable:
            self._refusable.discard(fact.call)
            if fact.sip_status >= 400 and fact.sip_status != 487:
                level, text = refusal_of(fact)
                self._happenings.add(fact.at_s, level, text, fact.call)
        else:
            self._happenings.count(fact)

    # Drawing ----------------------------------------------------------------------------------------------------------

    def now(self) -> Now:
        """The board as it stands, from what was heard so far."""
        now_s = self._clock()
        with self._lock:
            late = self._late(now_s)
            status, paths = self._status, self._paths
            capabilities = _capabilities(paths)
            is_heard = not any(each.part == "node" for each in late)
            traffic = self._traffic.traffic(now_s, status.live_calls if status is not None and is_heard else None)
            verdict = verdict_of(status, capabilities, traffic, late)
            return Now(
                at=round(now_s, 3),
                position=self._last,
                served=verdict.served,
                headline=verdict.headline,
                summary=verdict.summary,
                broken=verdict.broken,
                doing=verdict.doing,
                late=late,
                mode=mode_now(self._book.open, self._book.set_mode(now_s))[0].value,
                incidents=[_incident_now(each) for each in reversed(self._book.open)],
                node=None if status is None else self._node_now(status),
                traffic=traffic,
                carriers=self._carriers(now_s, paths),
                capabilities=capabilities,
                happenings=self._happenings.newest_first(),
                history=self._traffic.history(now_s),
            )

    def _late(self, now_s: float) -> list[Late]:
        parts: tuple[tuple[Part, _Answers], ...]
        parts = (("node", self._node), ("calls", self._calls), ("journal", self._journal))
        return [
            Late(part=part, since=round(each.at_s, 1), why=each.why or "it takes too long to answer")
            for part, each in parts
            if now_s - each.at_s > BOARD_WITHIN_S or (part == "node" and self._status is None and each.why)
        ]

    def _node_now(self, status: Status) -> NodeNow:
        processes = status.processes
        named: dict[str, Process | None] = {
            "supervisor": processes.supervisor,
            "media": processes.media,
            "calls": processes.calls.active,
            "calls, standing by": processes.calls.warm,
            "desk": processes.desk,
        }
        return NodeNow(
            node=status.node,
            version=status.version,
            state=status.state,
            sip=status.sip,
            began=self._began_s,
            processes={name: None if each is None else each.pid for name, each in named.items()},
            restarts={name: count for name, count in status.restarts.items() if count},
            witnesses={name: each.trouble for name, each in status.witnesses.items()},
        )

    def _carriers(self, now_s: float, paths: list[PathNow]) -> list[CarrierNow]:
        ways_out = {path.name: path for path in paths if path.path.startswith(f"{TELEPHONY}/")}
        return [
            each
            if (path := ways_out.get(each.carrier)) is None
            else each.model_copy(
                update={"condition": path.condition, "breaker": path.breaker, "evidence": path.evidence}
            )
            for each in self._traffic.carriers(now_s, ways_out)
        ]


def _incident_now(incident: Incident) -> IncidentNow:
    return IncidentNow(
        id=incident.id, cause=incident.cause, severity=int(incident.severity), phase=incident.phase.value,
        since=incident.opened.since_s, customers=incident.customers, commander=incident.commander,
        exercise=incident.exercise,
    )  # fmt: skip


def _capabilities(paths: list[PathNow]) -> list[CapabilityNow]:
    by_name: dict[str, list[PathNow]] = {}
    for path in paths:
        by_name.setdefault(path.path.partition("/")[0], []).append(path)
    return [capability_of(name, those) for name, those in by_name.items()]
