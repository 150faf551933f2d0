"""What a route needs, said where the route is: `@needs(Permission.PATHS)`. The guard refuses one that says
nothing.
"""

from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, TypeVar

from keepline.desk.people.records import NOBODY, Principal
from keepline.model.people import Permission

Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])
_SAID: Final = "keepline_needs"
current: ContextVar[Principal] = ContextVar("principal", default=NOBODY)
"""Who asks, while his request is dealt with."""


alarm: ContextVar[str] = ContextVar("alarm", default="")
"""What stands on every page while the glass is broken."""


def needs(permission: Permission) -> Callable[[Endpoint], Endpoint]:
    """Declare the permission that an endpoint needs; below the route's own decorator."""

    def declare(endpoint: Endpoint) -> Endpoint:
        setattr(endpoint, _SAID, permission)
        return endpoint

    return declare


def needed_by(endpoint: object) -> Permission | None:
    """What an endpoint has declared; None where it has not, and nobody may."""
    found = getattr(endpoint, _SAID, None)
    return found if isinstance(found, Permission) else None


def asking() -> Principal:
    """Who asks, while his request is dealt with: his name and role belong into every decision."""
    return current.get()
