"""What is to be done after an incident, whose it is, and what became of it. See `facts`.

`call` holds the incident's id, so that its review, its evidence and its retention have them.
"""

from typing import ClassVar

from keepline.model.frozen import frozen


@frozen
class ActionAdded:
    """Somebody is to do something, so that it does not happen again or costs less."""

    kind: ClassVar[str] = "action_added.1"
    call: str
    """Id of the incident."""
    at_s: float
    number: int
    """Of the incident's actions, from 1."""
    what: str
    owner: str
    due_s: float
    by: str
    asked: str = ""
    """Id of the request."""


@frozen
class ActionEnded:
    """It is done, or dropped; or open again."""

    kind: ClassVar[str] = "action_ended.1"
    call: str
    """Id of the incident."""
    at_s: float
    number: int
    state: str
    """done, dropped or open."""
    by: str
    why: str = ""
