"""What the API asks and answers about people. Nothing that is secret leaves by it, but what is told once."""

from typing import Literal

from pydantic import Field

from keepline.desk.models import Model
from keepline.desk.people.answering import Asked

RoleName = Literal["viewer", "agent", "supervisor", "commander", "leader", "admin"]


class Me(Model):
    """Who asks, and what he may."""

    name: str
    """Empty where nobody has logged in."""
    role: str
    how: str
    """nobody, open, session, glass, token or machine."""
    permissions: list[str]
    until: float | None
    """When it ends by itself."""


class Person(Model):
    """An account."""

    name: str
    role: RoleName
    disabled: bool
    has_password: bool
    """False: its owner has to use a link first."""
    has_second_factor: bool
    sessions: int
    """That go on."""
    made_at: float


class Persons(Model):
    people: list[Person]


class Invited(Model):
    """An account whose owner is to choose a password."""

    name: str
    link: str
    """For its owner alone; it is good once, for a day. Put the desk's address before it."""


class Done(Model):
    """It is done, and on its way into the journal."""

    done: Literal[True] = True


class TokenShown(Model):
    """An API token; its secret is not kept."""

    id: str
    name: str
    scopes: list[str]
    by: str
    made_at: float
    until: float
    used_at: float | None
    """Within a minute."""
    revoked: bool


class TokensShown(Model):
    tokens: list[TokenShown]


class TokenMade(Model):
    """A new API token."""

    token: str
    """Shown this once."""


class Codes(Model):
    """Recovery codes, each good once; shown this once."""

    codes: list[str]


class AddPerson(Asked):
    name: str
    role: RoleName
    why: str = ""


class SetRole(Asked):
    role: RoleName
    why: str = ""


class Why(Asked):
    why: str = ""


class MakeToken(Asked):
    name: str
    scopes: list[str] | str
    """A list, or words with spaces between them."""
    days: float = Field(default=90.0, gt=0)


class SetPassword(Asked):
    old: str
    password: str


class SetSecondFactor(Asked):
    secret: str = Field(pattern=r"^[A-Z2-7]{32}$")
    code: str


class DropSecondFactor(Asked):
    password: str
