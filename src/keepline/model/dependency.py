"""What an operation depends on beside its own paths: networks, vendors, machines, people."""

from dataclasses import dataclass

KINDS = ("isp", "region", "power", "machine", "network", "dns", "vendor", "service", "person", "role", "thing")
"""Of what is depended on; they choose the words in which a remedy is told."""


@dataclass(frozen=True, slots=True)
class Need:
    """Some of these must work."""

    names: tuple[str, ...]
    at_least: int
    """How many: 1 is any of them, all of them is each."""

    @property
    def spare(self) -> int:
        """How many may fail."""
        return len(self.names) - self.at_least

    def __str__(self) -> str:
        if len(self.names) == 1:
            return self.names[0]
        return " or ".join(self.names) if self.at_least == 1 else f"{self.at_least} of {' '.join(self.names)}"


@dataclass(frozen=True, slots=True)
class Dependency:
    """Something that is depended on, or more of what something in the file depends on."""

    name: str
    kind: str = ""
    """One of `KINDS`; empty for what the file has already."""
    needs: tuple[Need, ...] = ()
    """All of them."""
    is_critical: bool = False
    """The operation is not whole without it, though no call uses it."""
