"""Who may do what: roles as declared sets of permissions. Not a ladder: a leader may see money and no callers.

Every route of the desk declares the permission that it needs; `docs/reference/people.md` has both tables (tested).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final


class Permission(Enum):
    """What a route needs, and a role or an API token has."""

    ANYBODY = "anybody"
    """Nothing: who is not known may, too."""
    ACCOUNT = "account"
    """Somebody who has logged in: what concerns himself."""
    BOARD = "board"
    """See the board, paths, incidents and messages: no callers."""
    CALLS = "calls"
    """See call records, with the numbers of callers."""
    WORK = "work"
    """See and settle the work list, runs and callbacks."""
    METRICS = "metrics"
    """Scrape what Prometheus wants."""
    LEADERS = "leaders"
    """See what an outage costs."""
    DECLARE = "declare"
    """Declare an incident, and note something in one."""
    STEPS = "steps"
    """Do the human steps of a playbook."""
    COMMAND = "command"
    """Command an incident: hand it over, override a gate, close it."""
    PATHS = "paths"
    """Drain, prefer and disable paths."""
    NUMBERS = "numbers"
    """Move numbers."""
    MESSAGES = "messages"
    """Send messages."""
    DRILLS = "drills"
    """Run and abort drills."""
    UPGRADE = "upgrade"
    """Give the node another version of its operation."""
    FLOWS = "flows"
    """Start flows without a caller and tell of events."""
    APPROVE = "approve"
    """Be the second pair of eyes."""
    PEOPLE = "people"
    """Accounts, roles and API tokens."""


class Role(Enum):
    """What an account is."""

    VIEWER = "viewer"
    AGENT = "agent"
    SUPERVISOR = "supervisor"
    COMMANDER = "commander"
    LEADER = "leader"
    ADMIN = "admin"


_P = Permission
GRANTS: Final[Mapping[Role, frozenset[Permission]]] = {
    Role.VIEWER: frozenset({_P.BOARD, _P.CALLS, _P.WORK, _P.METRICS}),
    Role.AGENT: frozenset({_P.BOARD, _P.WORK, _P.DECLARE, _P.STEPS}),
    Role.SUPERVISOR: frozenset(
        {_P.BOARD, _P.CALLS, _P.WORK, _P.METRICS, _P.DECLARE, _P.STEPS, _P.PATHS, _P.MESSAGES, _P.FLOWS, _P.APPROVE}
    ),
    Role.COMMANDER: frozenset(_P) - {_P.ANYBODY, _P.ACCOUNT, _P.PEOPLE},
    Role.LEADER: frozenset({_P.BOARD, _P.LEADERS, _P.METRICS, _P.DECLARE, _P.MESSAGES, _P.APPROVE}),
    Role.ADMIN: frozenset(_P) - {_P.ANYBODY, _P.ACCOUNT},
}
"""What each role may; `ANYBODY` and `ACCOUNT` are nobody's to grant."""

SCOPES: Final = tuple(each.value for each in Permission if each not in (_P.ANYBODY, _P.ACCOUNT, _P.PEOPLE, _P.APPROVE))
"""What an API token may have. People are made, and actions approved, by people."""


@dataclass(frozen=True, slots=True)
class DeskSettings:
    """Who may see the board, and what takes two people."""

    open_board: bool = False
    """Whoever can reach it sees the board, paths and incidents, and no callers."""
    four_eyes: tuple[str, ...] = ()
    """Actions that wait for a second person."""
    approve_within_s: float = 900.0
    """How long they wait."""


FOUR_EYES: Final = (
    *("path.drain", "path.prefer", "path.disable", "path.release"),
    *("number.move", "number.return", "incident.close", "incident.override"),
    "drill.run",
)
"""Actions that an operation may have two people for."""
