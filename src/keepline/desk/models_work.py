"""The work list as the API answers with it. A field that is not here does not leave the node."""

from typing import Any, Literal

from pydantic import Field

from keepline.desk.models import Model


class Try(Model):
    """An attempt to find out, that came to nothing."""

    at: float
    asks: str
    why: str


class Made(Model):
    """Something that a flow had done before it failed."""

    step: int
    use: str = ""
    idempotency_key: str = ""
    came_to: str = ""
    answer: dict[str, Any] = Field(default_factory=dict)
    message: str = ""
    length_s: float = 0.0


class Item(Model):
    """Something that the node did not finish; `docs/reference/work.md` says what each field is."""

    id: str
    about: str
    state: Literal["pending", "kept", "open", "resolved", "closed"]
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
    path: str
    series: str
    operation: str
    first_sent_at: float | None
    last_sent_at: float | None
    attempts: int
    key: str
    parent: str
    variables: dict[str, Any]
    made: list[Made]
    error: str
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
