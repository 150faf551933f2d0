"""What the API answers about now: the board. Every page is drawn from these values and knows nothing else.

Times are seconds since the epoch. A figure that nothing was measured for is None.
"""

from typing import Literal

from pydantic import Field

from keepline.desk.models import Model

Served = Literal["yes", "limited", "no", "unknown"]
Level = Literal["good", "note", "bad"]
Part = Literal["node", "calls", "journal"]


class PathNow(Model):
    """One path of a capability, as `keepline paths --json` has it."""

    path: str
    """CAPABILITY/PATH"""
    order: int
    condition: str
    """healthy, degraded, down or unknown."""
    breaker: str
    """closed, open, half-open or returning."""
    evidence: str
    in_flight: int
    in_flight_max: int | None
    wish: str
    """drain, prefer or disable; empty where nobody wants anything."""
    until: float | None
    why: str
    by: str
    first_p99_s: float | None = None
    """Of a carrier: how long its first answer may take, and its ringing."""
    rings_p99_s: float | None = None
    probe: str = ""

    @property
    def name(self) -> str:
        """Without its capability."""
        return self.path.partition("/")[2]


class PathsNow(Model):
    """Every path of the node that runs, in the order in which they are asked."""

    paths: list[PathNow]


class CapabilityNow(Model):
    """What the operation needs, and how it gets it just now."""

    name: str
    served: Served
    words: str
    """What it means for callers."""
    in_use: str
    """The path that is asked first as things are; empty where none is fit."""
    paths: list[PathNow]


class CarrierNow(Model):
    """What a carrier did within the window, and how it is."""

    carrier: str
    condition: str
    """Of a carrier that our calls go out by; else empty."""
    breaker: str = ""
    evidence: str = ""
    live: int
    arriving: int
    """Calls that came by it."""
    refused: int
    """Of these: those that this node refused."""
    placed: int
    """Calls that it was asked for."""
    answered: int
    """Of these: those that were answered."""
    refused_by_carrier: int
    refused_by_callee: int
    per_s: float
    """Calls of both directions a second, over the last minute."""
    asr: float | None
    """ITU-T E.411's answer-seizure ratio, 0 to 1."""
    ner: float | None
    """Its network effectiveness ratio."""
    pdd_s: float | None
    """Mean post-dial delay."""
    mos: float | None
    """Mean of the calls that ended."""


class FlowNow(Model):
    """What a flow has to do."""

    flow: str
    live: int
    arriving: int
    refused: int


class TrafficNow(Model):
    """All calls, within the window."""

    window_s: int
    """How far back the figures reach: less than five minutes where the desk has not looked further back."""
    live: int
    per_s: float
    """Calls a second that came, over the last minute."""
    arriving: int
    refused: int
    refused_last_minute: int
    placed: int
    asr: float | None
    pdd_s: float | None
    mos: float | None
    flows: list[FlowNow]


class History(Model):
    """The last quarter of an hour in equal parts, the oldest first; None for what nobody looked back to."""

    at: list[int]
    """When each part begins."""
    live: list[int | None]
    arriving: list[int | None]
    placed: list[int | None]
    refused: list[int | None]


class Happening(Model):
    """Something that people should see, in words; what repeats within a minute is counted."""

    at: float
    level: Level
    text: str
    call: str = ""
    count: int = 1


class Late(Model):
    """A part of the node that has not answered for too long: what is said of it is as old as that."""

    part: Part
    since: float
    """When it answered last."""
    why: str


class IncidentNow(Model):
    """An incident that is open."""

    id: str
    cause: str
    severity: int
    phase: str
    since: float
    customers: int
    commander: str
    """Empty while nobody commands it."""
    exercise: str
    """Id of its drill; empty in earnest."""


class NodeNow(Model):
    """The machinery, for those who look after it."""

    node: str
    version: str
    state: str
    sip: str
    began: float
    processes: dict[str, int | None]
    """Name -> process id; None while it is missing."""
    restarts: dict[str, int]
    witnesses: dict[str, str]
    """Name -> its trouble, empty where there is none."""


class Now(Model):
    """The board."""

    at: float
    """When it was drawn."""
    position: int
    """Of the last fact of the journal that was seen."""
    served: Served
    headline: str
    summary: str
    broken: list[str]
    doing: list[str]
    """What is done about it, by whom."""
    late: list[Late]
    mode: str
    """normal, degraded, crisis or recovery."""
    incidents: list[IncidentNow]
    """Those that are open, the newest first."""
    node: NodeNow | None
    """None while the node does not answer and never did."""
    traffic: TrafficNow
    carriers: list[CarrierNow]
    capabilities: list[CapabilityNow]
    happenings: list[Happening]
    """The newest first."""
    history: History


class TimelineEvent(Model):
    """One fact of a call."""

    position: int
    """In the journal."""
    at: float
    kind: str
    fields: dict[str, str]
    """Its first line each, shortened; empty ones are left out."""


class LadderStep(Model):
    """One SIP message of a call."""

    at: float
    direction: Literal["in", "out"]
    text: str
    """Its first line."""


class Timeline(Model):
    """What happened in one call, in order; the record of it is at `/api/calls/ID`."""

    id: str
    events: list[TimelineEvent] = Field(default_factory=list)
    ladder: list[LadderStep] = Field(default_factory=list)
