"""Runs as the API answers with them. A field that is not here does not leave the node."""

from typing import Any

from keepline.desk.models import Model


class Run(Model):
    """One run; `keepline flows --json` has the same fields, but those of its result."""

    id: str
    flow: str
    key: str
    parent: str
    state: str
    waits_for: str
    since: float
    until: float | None
    began_at: float
    ended_at: float | None
    outcome: str = ""
    """What its flow noted last."""
    value: Any = None
    """What its flow returned."""
    error: str = ""


class Runs(Model):
    runs: list[Run]


class RunStarted(Model):
    """A run that was started, now or by an earlier start with its key."""

    id: str
    flow: str
    key: str
    known: bool
    """By an earlier one."""


class EventTold(Model):
    """An event that is on record."""

    id: str
    event: str
    key: str
    known: bool
    """It was told before under the same idempotency key."""
