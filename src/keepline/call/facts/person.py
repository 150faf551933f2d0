"""What people decided, and what waits for a second one. No state of a call follows from it. See `facts`."""

from dataclasses import dataclass
from typing import ClassVar

PEOPLE = "people"
"""What stands in the place of a call's id: all decisions of people are found by it."""


@dataclass(frozen=True, slots=True)
class PersonDecided:
    """Somebody decided something: about accounts, or what the facts after it carry out."""

    kind: ClassVar[str] = "person_decided.1"
    call: str
    """Always `people`."""
    at_s: float
    id: str
    """Of the request: told again, it is not written again."""
    by: str
    role: str
    """His role then; `machine` for who has the machine's shell, `token` for a program."""
    action: str
    """`people.role`, `path.drain`, `glass.break`."""
    about: str
    why: str
    how: str
    """How he was known: session, glass, token, machine."""
    approved_by: str = ""
    """The second person, where it took two."""


@dataclass(frozen=True, slots=True)
class ActionHeld:
    """What somebody wants waits for a second person; after its time it is not done."""

    kind: ClassVar[str] = "action_held.1"
    call: str
    """Always `people`."""
    at_s: float
    id: str
    by: str
    role: str
    action: str
    about: str
    why: str
    how: str
    until_s: float
    wanted: str
    """The request itself, as JSON."""


@dataclass(frozen=True, slots=True)
class ActionRefused:
    """The second person said no, or the first thought better of it."""

    kind: ClassVar[str] = "action_refused.1"
    call: str
    """Always `people`."""
    at_s: float
    id: str
    by: str
    role: str
    why: str


PersonFact = PersonDecided | ActionHeld | ActionRefused
PERSON_TYPES: tuple[type[PersonFact], ...] = (PersonDecided, ActionHeld, ActionRefused)
