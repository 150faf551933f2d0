"""What Keepline's own deployment consists of, as parts among the others: one node on one machine.

It says what the processes do for one another: the warm calls process takes over, the supervisor replaces media, and the
journal's disk is wanted by whatever changes something, since that is synced before it is asked. Speech and the desk
are no parts: prompts are on the disk once they are made, and no call needs the desk.
"""

from dataclasses import dataclass
from typing import Final

from keepline.model.dependency import Need

TELEPHONY: Final = "telephony"
NODE: Final = "keepline/node"
MACHINE: Final = "keepline/machine"
DISK: Final = "keepline/disk"
RESOLVER: Final = "keepline/resolver"


@dataclass(frozen=True, slots=True)
class OperationPart:
    """One thing that works or does not."""

    name: str
    kind: str = "thing"
    needs: tuple[Need, ...] = ()
    """All of them must be met."""
    can_fail: bool = True
    """By itself; what cannot is only as good as what it needs."""
    is_critical: bool = False


def _own(name: str, kind: str, *needs: Need, can_fail: bool = True) -> OperationPart:
    return OperationPart(f"keepline/{name}", kind, needs, can_fail)


def all_of(*names: str) -> tuple[Need, ...]:
    """Each of these."""
    return tuple(Need((name,), 1) for name in names)


OWN_PARTS: Final = {
    part.name: part
    for part in (
        _own("machine", "machine"),
        _own("network", "network"),
        _own("disk", "machine"),
        _own("resolver", "dns"),
        _own("supervisor", "process"),
        _own("media", "process"),
        _own("active", "process"),
        _own("warm", "process"),
        _own("calls", "service", Need(("keepline/active", "keepline/warm"), 1), can_fail=False),
        _own("audio", "service", Need(("keepline/media", "keepline/supervisor"), 1), can_fail=False),
        _own(
            "node",
            "service",
            *all_of("keepline/machine", "keepline/network", "keepline/calls", "keepline/audio"),
            can_fail=False,
        ),
    )
}
