"""What is kept of people, as plain values; `store` has them on disk."""

from dataclasses import dataclass, field
from enum import Enum

from keepline.model.errors import KeeplineError
from keepline.model.people import GRANTS, Permission, Role


class PeopleRefused(KeeplineError):  # noqa: N818 - an answer, not a fault
    """What was asked about people cannot be done; the text says why and what would be right."""


class PeopleUnknown(PeopleRefused):
    """There is no such account or token."""


class How(Enum):
    """How somebody is known."""

    NOBODY = "nobody"
    OPEN = "open"
    """The board is open to whoever can reach it."""
    SESSION = "session"
    GLASS = "glass"
    """A session that was begun by breaking the glass."""
    TOKEN = "token"
    MACHINE = "machine"
    """He can read the token in the data directory."""


@dataclass(frozen=True, slots=True)
class Account:
    """One person."""

    name: str
    role: Role
    password: str
    """argon2id; empty where he has to use a link first."""
    totp: str
    """The secret of the second factor; empty without one."""
    totp_step: int
    """The last step that a code was used of."""
    disabled: bool
    made_at_s: float
    password_at_s: float


@dataclass(slots=True)
class Session:
    """One login. `seen_at_s` moves; all else stays."""

    digest: str
    account: str
    role: Role
    how: How
    began_at_s: float
    until_s: float
    seen_at_s: float
    address: str
    noted_at_s: float = 0.0
    """When `seen_at_s` was written down last."""


@dataclass(frozen=True, slots=True)
class Token:
    """One API token."""

    id: str
    name: str
    digest: str
    scopes: tuple[str, ...]
    by: str
    made_at_s: float
    until_s: float
    used_at_s: float
    revoked: bool


@dataclass(frozen=True, slots=True)
class Decision:
    """What somebody decided, on its way into the journal."""

    id: str
    at_s: float
    by: str
    role: str
    action: str
    about: str
    why: str
    how: str


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, and what he may."""

    name: str
    how: How
    permissions: frozenset[Permission]
    role: Role | None = None
    session: Session | None = None
    csrf: str = field(default="", repr=False)
    until_s: float = 0.0
    """When it ends by itself; 0 never."""

    def may(self, permission: Permission) -> bool:
        """Whether he has it."""
        if permission is Permission.ANYBODY:
            return True
        if permission is Permission.ACCOUNT:
            return self.how in (How.SESSION, How.GLASS)
        return permission in self.permissions

    @property
    def title(self) -> str:
        """His role in one word, for the journal."""
        return self.role.value if self.role is not None else self.how.value

    @property
    def is_known(self) -> bool:
        return self.how not in (How.NOBODY, How.OPEN)


NOBODY = Principal("", How.NOBODY, frozenset())
LOOKER = Principal("", How.OPEN, GRANTS[Role.VIEWER] | {Permission.LEADERS})
"""Whoever sits at a machine that has no accounts yet."""
PASSER_BY = Principal("", How.OPEN, frozenset({Permission.BOARD}))
"""Whoever looks at an open board."""
