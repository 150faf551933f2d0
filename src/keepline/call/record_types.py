"""What a call's record holds, and its JSON."""

import json
from dataclasses import dataclass, field, fields
from functools import cache
from typing import Any

from keepline.model.frozen import frozen

DIRECTIONS = ("inbound", "outbound")
STATES = ("ringing", "live", "leaving", "ended")
ENDINGS = ("caller", "callee", "flow", "node", "nobody")
"""By whom a call was ended."""
OUTCOMES = ("answered", "refused", "cancelled", "failed", "busy", "no_answer")
"""Of calls whose flow said none of its own."""
AUDIO = ("both_ways", "dead_air", "one_way")


@frozen
class StepRecord:
    """One finished step of the flow."""

    name: str
    at: float
    """When it began, seconds since the epoch."""
    result: str
    """The digits keyed (of a secret how many) or what was chosen, why there are none, what was noted, `done`, `hung_up`
    or what failed."""
    took_ms: float


@frozen
class MediaRecord:
    """The call's RTP."""

    codec: str = ""
    packets_sent: int = 0
    packets_received: int = 0
    lost: int = 0
    jitter_ms: float = 0.0
    mos: float | None = None
    """Of what was heard of the caller (ITU-T G.107), 1 to 4.41; None where that was nothing."""
    peer_mos: float | None = None
    """Of what the caller heard, where it told by RTCP."""
    round_trip_ms: float | None = None
    """Where RTCP measured it."""
    audio: str = ""
    """both_ways, dead_air (the caller's line was silent for a while) or one_way (it never was heard)."""
    dead_air_s: float = 0.0
    """How long it was silent, where that was long enough to count."""
    dead_air_at_s: float | None = None
    """When that first began, seconds after the answer."""


@frozen
class MessageRecord:
    """A message that the caller left."""

    path: str
    """Of its WAV file, below the data directory."""
    at: float
    """When it began, seconds since the epoch."""
    length_s: float | None = None
    """None while it is being recorded."""
    reason: str = ""
    """How it ended, a `RecordingReason`; empty while it has not."""


@frozen
class UnrecordedRecord:
    """A while in which the disk took nothing of the call, and it went on from memory."""

    since: float
    """When the first of its facts had to wait, seconds since the epoch."""
    until: float
    """When they were written."""
    facts: int
    """How many were written late."""
    lost: int
    """How many are missing, since more waited than there is room for."""


@frozen
class CarrierRecord:
    """One carrier that was asked for a call that we placed."""

    carrier: str
    at: float
    """When it was asked, seconds since the epoch."""
    why: str
    """Why it was asked, and how the others were."""
    result: str = ""
    """answered, a refusal and whose word that is, or why it was given up; empty while nothing is known."""
    took_ms: float | None = None
    """Until that."""
    leads: bool = False
    """The call is, or was last, its."""


@dataclass(slots=True)
class CallRecord:
    """What is known of one call. Times are seconds since the epoch, None for what has not happened."""

    id: str
    direction: str
    carrier: str
    from_: str
    to: str
    flow: str
    state: str
    """ringing, live, leaving or ended."""
    received_at: float
    answered_at: float | None = None
    ended_at: float | None = None
    ended_by: str = ""
    sip_status: int | None = None
    reason: str = ""
    outcome: str = ""
    """What the flow said it came to; else answered, refused or cancelled, and of calls that we place busy or no_answer;
    failed where something did. First empty."""
    outcome_fields: dict[str, str | int | float | bool | None] = field(default_factory=dict)
    """What the flow said with it."""
    steps: list[StepRecord] = field(default_factory=list)
    media: MediaRecord = field(default_factory=MediaRecord)
    messages: list[MessageRecord] = field(default_factory=list)
    """What the caller left with `record_message`."""
    error: str = ""
    sip_call_id: str = ""
    asserted_identity: str = ""
    """Who is calling, as a trusted trunk says."""
    identity: str = ""
    """The Identity header of the INVITE (RFC 8224) as it stands, not verified."""
    privacy: str = ""
    """What the caller asks to be kept from others (RFC 3323, RFC 3325)."""
    reason_header: str = ""
    """Why, in the words of the peer's BYE or CANCEL (RFC 3326)."""
    cause: int | None = None
    """The cause of ITU-T Q.850 in it."""
    parent: str = ""
    """Id of the call whose `connect` placed this one."""
    attempts: int = 1
    """INVITEs of a call that we placed: redirections, challenges and other targets each take one."""
    carriers: list[CarrierRecord] = field(default_factory=list)
    """Whom it was given to, where the operation lists several."""
    unrecorded: list[UnrecordedRecord] = field(default_factory=list)
    """When the call went on without being on record."""

    def to_json(self) -> str:
        """One line of JSON, with the field names of the record's reference."""
        said = {name.rstrip("_"): value for name, value in _plain(self).items()}
        said["steps"] = [_plain(step) for step in self.steps]
        said["messages"] = [_plain(each) for each in self.messages]
        said["carriers"] = [_plain(each) for each in self.carriers]
        said["unrecorded"] = [_plain(each) for each in self.unrecorded]
        said["media"] = _plain(self.media)
        return json.dumps(said, ensure_ascii=False)


def _plain(record: object) -> dict[str, Any]:
    return {name: getattr(record, name) for name in _names(type(record))}  # type: ignore[arg-type]


@cache
def _names(described: Any) -> tuple[str, ...]:
    return tuple(each.name for each in fields(described))
