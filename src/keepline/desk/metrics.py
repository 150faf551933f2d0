"""What a node did and how it is, as Prometheus asks for it: counters of what is on record, gauges of what is now.

The journal is read from where the last scrape ended, so a scrape costs what happened since; the first one begins at the
end. A new desk thus counts from zero, which Prometheus takes for the restart that it is: what is lost is the count of
the moment in which there was no desk, and none of the facts. It refuses to name callers, calls and texts of flows
beyond a limited number of outcomes.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from keepline.call.facts import (
    CallAnswered,
    CallEnded,
    CallPlaced,
    CallReceived,
    Fact,
    FlowFailed,
    LineFellSilent,
    MessageRecorded,
    StepEnded,
    UseEnded,
    UseResolved,
    UseRouted,
)
from keepline.call.facts.run import EventTold, RunEnded, RunStarted
from keepline.call.record import CallRecord
from keepline.desk.callback_metrics import CALLBACK_FACTS, CallbackMetrics
from keepline.desk.carrier_metrics import CARRIER_FACTS, CarrierMetrics
from keepline.desk.incident_metrics import INCIDENT_FACTS, IncidentMetrics, StandingMetrics
from keepline.desk.message_metrics import MESSAGE_METRIC_FACTS, MessageMetrics
from keepline.desk.models import Status
from keepline.desk.number_metrics import NUMBER_FACTS, NumberMetrics
from keepline.desk.people_metrics import PEOPLE_FACTS, PeopleMetrics, show_glass
from keepline.desk.source import Source, Unavailable
from keepline.flow.capabilities import outcome_words
from keepline.incident.book import IncidentBook
from keepline.model.limits_desk import METRIC_CALLS_MAX, METRIC_FACTS_PER_READ, METRIC_OUTCOMES_MAX

_COUNTED: Final = (
    *(CallReceived, CallPlaced, CallAnswered, CallEnded, StepEnded, UseEnded, FlowFailed, LineFellSilent),
    *(MessageRecorded, UseResolved, UseRouted, RunStarted, RunEnded, EventTold),
    *(*CARRIER_FACTS, *CALLBACK_FACTS, *NUMBER_FACTS, *PEOPLE_FACTS, *MESSAGE_METRIC_FACTS, *INCIDENT_FACTS),
)
KINDS: Final = tuple(dict.fromkeys(each.kind for each in _COUNTED))
"""Of the facts that are counted; the others are not even read."""
OTHER: Final = "other"
"""The outcome of calls whose own is one too many."""
_SECONDS: Final = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40)
_SHARES: Final = (0.0, 0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
_JITTER_S: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
_SCORES: Final = (1, 2, 2.6, 3.1, 3.6, 4.0, 4.2, 4.3, 4.41)


class Metrics:
    """The metrics of one desk. `scrape` may be called from any thread."""

    def __init__(
        self,
        source: Source,
        is_glass_broken: Callable[[], bool] = bool,
        incidents: Callable[[], IncidentBook] = IncidentBook,
    ) -> None:
        """`is_glass_broken`: whether somebody is admin by that. `incidents`: as they are now; may raise Unavailable."""
        self._source, self._is_glass_broken, self._incidents_now = source, is_glass_broken, incidents
        self._lock = threading.Lock()
        self._position: int | None = None
        self._begun: OrderedDict[str, tuple[str, float]] = OrderedDict()
        """Live call -> its direction and when it began."""
        self._outcomes: set[str] = set()
        disable_created_metrics()  # type: ignore[no-untyped-call]  # when each counter began is nobody's concern
        self.registry = CollectorRegistry()
        self._described: list[tuple[str, str, list[str]]] = []
        self._make_counters()
        self._make_gauges()

    def scrape(self) -> bytes:
        """The text that Prometheus reads."""
        with self._lock:
            self._read_status()
            self._standing.look(self._source, self._incidents_now, time.time())
            self._read_journal()
            self._told.look(time.time())
            return generate_latest(self.registry)

    def described(self) -> list[tuple[str, str, list[str]]]:
        """Every metric, sorted: the name that it is scraped under, its type, its labels."""
        return sorted(self._described)

    def _counter(self, name: str, meaning: str, *labels: str) -> Counter:
        self._described.append((f"keepline_{name}_total", "counter", list(labels)))
        return Counter(f"keepline_{name}", meaning, labels, registry=self.registry)

    def _make_counters(self) -> None:
        counter = self._counter

        def histogram(name: str, meaning: str, buckets: Iterable[float], *labels: str) -> Histogram:
            self._described.append((f"keepline_{name}", "histogram", list(labels)))
            return Histogram(f"keepline_{name}", meaning, labels, buckets=tuple(buckets), registry=self.registry)

        self._calls = counter("calls", "Calls that ended.", "direction", "outcome", "status")
        self._calls_begun = counter("calls_begun", "Calls that began.", "direction", "carrier")
        self._post_dial = histogram("post_dial_delay_seconds", "From INVITE to 200.", _SECONDS, "direction")
        self._steps = counter("steps", "Steps that ended.", "verb", "outcome")
        self._uses = counter("uses", "Uses of capabilities.", "capability", "action", "outcome")
        self._routed = counter("uses_routed", "Reads, where not by the first path.", "capability", "path", "hedge")
        self._resolved = counter("uses_resolved", "Uses in doubt.", "capability", "action", "outcome")
        self._use_s = histogram("use_seconds", "Time that a use took.", _SECONDS, "capability")
        self._flows_failed = counter("flows_failed", "Flows that failed in their caller's ear.", "flow")
        self._runs_started = counter("runs_started", "Starts of flows without a caller.", "flow")
        self._runs = counter("runs", "Flows without a caller that ended.", "ending", "outcome")
        self._events = counter("events", "Events that were told.")
        self._messages = counter("messages", "Messages that callers left.", "reason")
        self._dead_air = counter("dead_air", "Lines that fell silent.")
        self._lost = histogram("rtp_lost_ratio", "Share of a call's packets that was lost.", _SHARES)
        self._jitter = histogram("rtp_jitter_seconds", "Jitter of a call at its end.", _JITTER_S)
        self._carriers, self._incidents = CarrierMetrics(counter, histogram), IncidentMetrics(counter)
        self._callbacks = CallbackMetrics(counter)
        self._numbers, self._people = NumberMetrics(counter), PeopleMetrics(counter)
        self._mos = histogram("mos", "Score of a call (ITU-T G.107), by who heard it.", _SCORES, "heard_by")

    def _make_gauges(self) -> None:
        def gauge(name: str, meaning: str, *labels: str) -> Gauge:
            self._described.append((f"keepline_{name}", "gauge", list(labels)))
            return Gauge(f"keepline_{name}", meaning, labels, registry=self.registry)

        self._told = MessageMetrics(self._counter, gauge, self._source)
        self._standing = StandingMetrics(gauge)
        show_glass(gauge("glass_broken", "1 while somebody is admin by a broken glass."), self._is_glass_broken)
        self._node_up = gauge("node_up", "1 while the supervisor answers.")
        self._running = gauge("node_running", "1 while it takes calls; 0 while it starts or stops.")
        self._uptime_s = gauge("uptime_seconds", "Since the supervisor began.")
        self._live_calls = gauge("live_calls", "Calls that are live.")
        self._slots = gauge("media_slots", "Calls that can have media at once.")
        self._process_up = gauge("process_up", "1 while there is this process.", "process")
        self._reigns = gauge("reigns", "Processes that have carried calls, or media, so far.", "process")
        self._restarts = gauge("process_restarts", "Starts beyond the first since the supervisor began.", "process")
        self._witness_facts = gauge("witness_facts", "Facts up to the last checkpoint that it has.", "witness")
        self._witness_behind_s = gauge("witness_behind_seconds", "Age of what it does not have.", "witness")
        self._witness_trouble = gauge("witness_trouble", "1 while somebody should look after it.", "witness")
        self._copy_age_s = gauge("snapshot_age_seconds", "Age of the copy that a path answers from.", "path")
        self._registered = gauge("trunk_registered", "1 while the trunk's registrar knows us.", "trunk")
        self._troubles = gauge("troubles", "Things that somebody should look after: keepline status names them.")
        self._journal_trouble = gauge("journal_trouble", "1 while the journal cannot write.")
        self._journal_waiting = gauge("journal_waiting_facts", "Facts in memory alone while the disk takes nothing.")
        self._journal_lost = gauge("journal_lost_facts", "Facts that there was no room for.")
        self._journal_flush_s = gauge("journal_flush_seconds", "That the last flush of the disk took, in tenths.")
        self._journal_up = gauge("journal_readable", "1 while the desk can read the journal.")
        self._position_now = gauge("journal_facts", "Number of the last fact that was read.")
        self._work = gauge("work", "What is unfinished.", "about")
        self._open_runs = gauge("runs_open", "Flows without a caller that have not ended.", "state")
        self._kept = gauge("events_kept", "Events that nobody has waited for yet.")
        self._info = gauge("info", "1; what runs is in the labels.", "node", "version", "operation")

    # Now --------------------------------------------------------------------------------------------------------------

    def _read_status(self) -> None:
        try:
            status = Status.model_validate(self._source.status())
        except Unavailable:
            self._node_up.set(0)
            self._running.set(0)
            more = (
                self._work,
                self._open_runs,
                self._witness_facts,
                self._witness_behind_s,
                self._witness_trouble,
                self._copy_age_s,
            )
            for each in (
                self._process_up,
                self._reigns,
                self._restarts,
                self._registered,
                self._info,
                self._work,
                *more,
            ):
                each.clear()
            return
        self._node_up.set(1)
        self._running.set(status.state == "running")
        self._uptime_s.set(status.uptime_s)
        self._live_calls.set(status.live_calls)
        self._slots.set(status.media_slots)
        calls = status.processes.calls
        processes = {name: getattr(status.processes, name) for name in ("supervisor", "media", "speech", "desk")}
        for name, process in (processes | {"calls_active": calls.active, "calls_warm": calls.warm}).items():
            self._process_up.labels(name).set(process is not None)
        for name, reigns in status.epochs.items():
            self._reigns.labels(name).set(reigns)
        for name, restarts in status.restarts.items():
            self._restarts.labels(name).set(restarts)
        for name, count in status.work.items():
            self._work.labels(name).set(count)
        for state in ("at_work", "waiting"):
            self._open_runs.labels(state).set(status.flows.get(state, 0))
        self._kept.set(status.flows.get("events_kept", 0))
        self._registered.clear()
        for name, trunk in status.registrations.items():
            self._registered.labels(name).set(trunk.registered)
        self._set_witnesses(status)
        self._copy_age_s.clear()
        for name, copied in status.copies.items():
            if copied.age_s is not None:
                self._copy_age_s.labels(name).set(copied.age_s)
        self._troubles.set(len(status.trouble))
        self._journal_trouble.set(any(each.startswith("calls: ") for each in status.trouble))
        self._journal_waiting.set(status.journal.waiting_facts)
        self._journal_lost.set(status.journal.lost_facts)
        self._journal_flush_s.set(status.journal.flush_s)
        self._info.clear()
        self._info.labels(status.node, status.version, status.operation[:12]).set(1)

    def _set_witnesses(self, status: Status) -> None:
        for each in (self._witness_facts, self._witness_behind_s, self._witness_trouble):
            each.clear()
        for name, witness in status.witnesses.items():
            self._witness_facts.labels(name).set(witness.facts)
            self._witness_behind_s.labels(name).set(witness.behind_s)
            self._witness_trouble.labels(name).set(bool(witness.trouble))

    # What happened ----------------------------------------------------------------------------------------------------

    def _read_journal(self) -> None:
        try:
            last = self._source.last_position()
            if self._position is None or self._position > last:  # the first time, or another journal
                self._position = last
            while True:
                read = self._source.facts_after(self._position, KINDS, METRIC_FACTS_PER_READ)
                for position, fact in read:
                    self._count(fact)
                    self._position = position
                if len(read) < METRIC_FACTS_PER_READ:
                    break
        except Unavailable:
            self._journal_up.set(0)
            return
        self._journal_up.set(1)
        self._position_now.set(self._position)

    def _count(self, fact: Fact) -> None:
        if isinstance(fact, CARRIER_FACTS):
            self._carriers.count(fact)
        if isinstance(fact, CALLBACK_FACTS):
            self._callbacks.count(fact)
        self._numbers.count(fact)
        self._people.count(fact)
        self._told.count(fact)
        self._incidents.count(fact)
        if isinstance(fact, CallReceived | CallPlaced):
            direction = "inbound" if isinstance(fact, CallReceived) else "outbound"
            self._calls_begun.labels(direction, fact.carrier).inc()
            self._begun[fact.call] = direction, fact.at_s
            while len(self._begun) > METRIC_CALLS_MAX:
                self._begun.popitem(last=False)
        elif isinstance(fact, CallAnswered):
            begun = self._begun.get(fact.call)
            if begun is not None:
                self._post_dial.labels(begun[0]).observe(max(0.0, fact.at_s - begun[1]))
        elif isinstance(fact, StepEnded):
            self._steps.labels(fact.verb, fact.outcome).inc()
            if fact.verb == "use" and fact.outcome == "done":
                self._count_use(fact.reason, fact.value, fact.at_s - fact.began_at_s)
        elif isinstance(fact, UseEnded):
            self._count_use(fact.name, fact.outcome, None)
        elif isinstance(fact, UseResolved):
            capability, _, action = fact.name.partition(".")
            self._resolved.labels(capability, action, outcome_words(fact.outcome).partition(":")[0]).inc()
        elif isinstance(fact, UseRouted):
            hedge = "" if not fact.hedged else "won" if fact.path == fact.hedged else "lost"
            self._routed.labels(fact.name.partition(".")[0], fact.path, hedge).inc()
        elif isinstance(fact, FlowFailed):
            self._flows_failed.labels(fact.flow).inc()
        elif isinstance(fact, MessageRecorded):
            self._messages.labels(fact.reason).inc()
        elif isinstance(fact, LineFellSilent):
            self._dead_air.inc()
        elif isinstance(fact, RunStarted):
            self._runs_started.labels(fact.flow).inc()
        elif isinstance(fact, RunEnded):
            self._runs.labels(fact.ending, self._bounded(fact.outcome)).inc()
        elif isinstance(fact, EventTold):
            self._events.inc()
        elif isinstance(fact, CallEnded):
            self._begun.pop(fact.call, None)
            self._count_end(self._source.call_record(fact.call))

    def _bounded(self, outcome: str) -> str:
        """An outcome as a label: flows invent them, so past so many it is `other`."""
        if outcome not in self._outcomes and len(self._outcomes) >= METRIC_OUTCOMES_MAX:
            return OTHER
        self._outcomes.add(outcome)
        return outcome

    def _count_use(self, name: str, value: str, took_s: float | None) -> None:
        capability, _, action = name.partition(".")
        outcome = outcome_words(value).partition(":")[0]
        self._uses.labels(capability, action, outcome).inc()
        if took_s is not None:
            self._use_s.labels(capability).observe(took_s)

    def _count_end(self, record: CallRecord | None) -> None:
        if record is None:
            return
        outcome = self._bounded(record.outcome)
        self._calls.labels(record.direction, outcome, str(record.sip_status or 0)).inc()
        media = record.media
        expected = media.packets_received + media.lost
        if media.packets_received:
            self._lost.observe(max(0.0, media.lost / expected) if expected > 0 else 0.0)
            self._jitter.observe(media.jitter_ms / 1000)
        for heard_by, score in (("node", media.mos), ("peer", media.peer_mos)):
            if score is not None:
                self._mos.labels(heard_by).observe(score)
