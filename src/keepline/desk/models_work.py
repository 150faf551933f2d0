"""The work list as the API answers with it. A field that is not here does not leave the node."""

from typing import Any, Literal

from pydantic import Field

from keepline.desk.models import Model


class Try(Model):
    """An attempt to find out, that came to nothing."""

    at: float
    asks: str
    why: str


class Item(Model):
    """Something that the node did not finish; `docs/reference/work.md` says what each field is."""

    id: str
    about: str
    state: Literal["pending", "open", "resolved", "closed"]
    why: str
    at: float
    call: str
    from_: str = Field(alias="from")
    to: str
    flow: str
    step: int | None
    use: str
    arguments: dict[str, Any]
    """Secrets are dots."""
    idempotency_key: str
    operation: str
    first_sent_at: float | None
    last_sent_at: float | None
    attempts: int
    tries: list[Try]
    next_try_at: float | None
    until: float | None
    opened_at: float | None
    closed_at: float | None
    closed_by: str
    outcome: str
    note: str


class WorkItems(Model):
    items: list[Item]
