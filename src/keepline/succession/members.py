"""What is known of a node's processes by whoever decides about them."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol


class Member(Protocol):
    """One process of a node, as its supervisor sees it."""

    @property
    def role(self) -> str:
        """media, calls, speech or desk."""
        ...

    @property
    def process(self) -> Hashable:
        """Which one it is: no other process ever equals it."""
        ...

    @property
    def state(self) -> str:
        """warm or active for calls, serving for media; empty until it has registered."""
        ...

    @property
    def version(self) -> str:
        """Of a calls process: what its new calls run."""
        ...

    @property
    def started_s(self) -> float: ...

    @property
    def active_since_s(self) -> float: ...

    @property
    def epoch(self) -> int:
        """Of an active one; 0 where it has none."""
        ...


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """When media and the active calls process last said that they are at work."""

    media_s: float
    calls_s: float


@dataclass(frozen=True, slots=True)
class Death:
    """The end of a process."""

    role: str
    was_active: bool
    lived_s: float
    was_killed: bool
    """By somebody, as far as anybody knows, and not of itself."""
    how: str = ""
    """In words."""
