"""What the API answers with, field by field. A field that is not here does not leave the node."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """Of an answer."""

    # What the node says beyond these fields is dropped here; what it says wrongly is an error and no answer.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", populate_by_name=True)


class Health(Model):
    """The desk itself runs; `/api/status` says how the node is."""

    status: Literal["ok"] = "ok"


class Problem(Model):
    """Why there is no answer."""

    error: str


class Process(Model):
    pid: int


class MediaProcess(Process):
    scheduling: str = ""
    """`real-time`, `raised` or `ordinary`: how soon it runs on a busy machine."""


class CallsProcesses(Model):
    active: Process | None = None
    warm: Process | None = None
    starting: Process | None = None


class Processes(Model):
    """None where a process is missing at the moment; the supervisor is replacing it."""

    supervisor: Process | None = None
    media: MediaProcess | None = None
    calls: CallsProcesses = CallsProcesses()
    speech: Process | None = None
    desk: Process | None = None
    status_page: Process | None = None
    """None as well where the operation has none, or somebody else serves it."""


class TrunkRegistered(Model):
    """Whether a trunk's registrar sends calls to this node."""

    registered: bool
    for_s: int
    """Until it ends, if it is not renewed."""
    why: str
    """What went wrong last; empty after a success."""


class WitnessStatus(Model):
    """What a witness of the journal has."""

    place: str
    facts: int
    """Up to the last checkpoint that it took."""
    at: float | None
    """When it took that, seconds since the epoch; None for never."""
    behind_s: float
    """Age of the oldest checkpoint that it does not have."""
    trouble: str
    why: str
    """What it said when it last failed."""
    remark: str
    """What makes it worth less than it could be."""


class JournalStatus(Model):
    """How the journal does."""

    waiting_facts: int = 0
    """Not written yet, while something is wrong with the disk."""
    lost_facts: int = 0
    """There was no room for them while the disk took nothing."""
    flush_s: float = 0.0
    """That the last flush of the disk took."""


class CopyStatus(Model):
    """The copy that a path answers from."""

    age_s: float | None
    """None while there is none."""
    why: str = ""
    """What went wrong with the last attempt to make it anew."""


class Status(Model):
    """How the node is."""

    node: str
    version: str
    mode: str
    state: str
    """starting, running, or stopping while live calls finish."""
    trouble: list[str] = []
    """What somebody should look after, in words; none when all is well."""
    journal: JournalStatus = JournalStatus()
    live_calls: int
    processes: Processes
    sip: str
    http: str
    media_slots: int
    operation: str
    """Digest of what new calls begin with."""
    uptime_s: float
    registrations: dict[str, TrunkRegistered] = {}
    epochs: dict[str, int] = {}
    """Processes that have carried calls, and media, so far."""
    work: dict[str, int] = {}
    """What is unfinished: `pending` for the node itself, the others for a person."""
    flows: dict[str, int] = {}
    """Flows without a caller, `at_work` and `waiting`, and `events_kept` that nobody has heard."""
    restarts: dict[str, int] = {}
    """Starts of each process beyond its first, since the supervisor began."""
    witnesses: dict[str, WitnessStatus] = {}
    copies: dict[str, CopyStatus] = {}
    """Of each `snapshot` path, CAPABILITY/PATH."""


class Step(Model):
    """One finished verb of the flow."""

    name: str
    at: float
    """When it began, seconds since the epoch."""
    result: str
    took_ms: float


class Media(Model):
    """The call's RTP, whole once the call has ended; what was not measured is None."""

    codec: str
    packets_sent: int
    packets_received: int
    lost: int
    jitter_ms: float
    mos: float | None
    peer_mos: float | None = None
    round_trip_ms: float | None = None
    audio: str = ""
    dead_air_s: float = 0.0
    dead_air_at_s: float | None = None


class Carrier(Model):
    """A carrier that was asked for a call that we placed."""

    carrier: str
    at: float
    """When it was asked, seconds since the epoch."""
    why: str
    result: str
    """Empty while nothing is known."""
    took_ms: float | None
    leads: bool
    """The call is, or was last, its."""


class Message(Model):
    """A message that the caller left."""

    path: str
    """Of its WAV file, below the data directory."""
    at: float
    """When it began, seconds since the epoch."""
    length_s: float | None
    reason: str


class Unrecorded(Model):
    """A while in which the disk took nothing of the call, and it went on from memory."""

    since: float
    until: float
    """When what had to wait was written."""
    facts: int
    lost: int
    """How many facts are missing, since more waited than there is room for."""


class Call(Model):
    """The record of one call. Times are seconds since the epoch, None for what has not happened."""

    id: str
    direction: str
    carrier: str
    from_: str = Field(alias="from")
    to: str
    flow: str
    state: str
    received_at: float
    answered_at: float | None
    ended_at: float | None
    ended_by: str
    sip_status: int | None
    reason: str
    outcome: str
    outcome_fields: dict[str, str | int | float | bool | None] = {}
    steps: list[Step]
    media: Media
    messages: list[Message] = []
    error: str
    sip_call_id: str
    asserted_identity: str = ""
    """Who is calling, as a trusted trunk says (RFC 3325)."""
    identity: str = ""
    """The Identity header (RFC 8224) as it stands, not verified."""
    privacy: str = ""
    """What the caller asks to be kept from others (RFC 3323, RFC 3325)."""
    reason_header: str = ""
    """Why, in the words of the peer's BYE or CANCEL (RFC 3326)."""
    cause: int | None = None
    """The cause of ITU-T Q.850 in it."""
    parent: str = ""
    """Id of the call whose `connect` placed this one."""
    attempts: int = 1
    """INVITEs of a call that we placed."""
    carriers: list[Carrier] = []
    """Whom it was given to, where the operation lists several."""
    unrecorded: list[Unrecorded] = []
    """When the call went on without being on record."""


class Calls(Model):
    """Call records, the newest last."""

    calls: list[Call]
    older: str = ""
    """Of a search: `before` of the one that goes on; empty where all was looked through."""
    searched: int | None = None
    """Of a search: how many records were looked through."""
