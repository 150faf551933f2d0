"""What the API answers with, field by field. A field that is not here does not leave the node."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Model(BaseModel):
    # What the node says beyond these fields is dropped here; what it says wrongly is an error and no answer.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", populate_by_name=True)


class Health(_Model):
    """The desk itself runs; `/api/status` says how the node is."""

    status: Literal["ok"] = "ok"


class Problem(_Model):
    """Why there is no answer."""

    error: str


class Process(_Model):
    pid: int


class CallsProcesses(_Model):
    active: Process | None = None
    warm: Process | None = None


class Processes(_Model):
    """None where a process is missing at the moment; the supervisor is replacing it."""

    supervisor: Process | None = None
    media: Process | None = None
    calls: CallsProcesses = CallsProcesses()
    speech: Process | None = None
    desk: Process | None = None


class Status(_Model):
    """How the node is."""

    node: str
    mode: str
    live_calls: int
    processes: Processes


class Step(_Model):
    """One verb of the flow."""

    name: str
    at: float
    """Seconds since the epoch."""
    result: str | None = None
    took_ms: float | None = None


class Media(_Model):
    codec: str | None = None
    packets_sent: int = 0
    packets_received: int = 0
    lost: int = 0
    jitter_ms: float | None = None


class Call(_Model):
    """The record of one call. Times are seconds since the epoch, None until they come."""

    id: str
    direction: str | None = None
    carrier: str | None = None
    from_: str | None = Field(default=None, alias="from")
    to: str | None = None
    flow: str | None = None
    state: str
    received_at: float | None = None
    answered_at: float | None = None
    ended_at: float | None = None
    ended_by: str | None = None
    sip_status: int | None = None
    reason: str | None = None
    outcome: str | None = None
    steps: tuple[Step, ...] = ()
    media: Media | None = None
    error: str | None = None


class Calls(_Model):
    """Call records, the newest last."""

    calls: list[Call]
