"""Which drills an operation has, and where each may be run: in a world of its own, or by test calls of a running node.

Pure but for the files of the world's drills. There is one world, that of the retailer: a drill needs its callers,
carriers and back office. What has no world is drilled by marked test calls alone, as far as its file allows it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keepline.drill.experiment import Drill, DrillError, read_drills
from keepline.drill.generating import generated, paths_of
from keepline.drill.production import ProductionPlan, RefusedDrillError, plan_of
from keepline.model.operation import Operation

WORLD: Final = "retailer"
"""The operation whose world comes with Keepline."""
EVERY: Final = "all"
"""In the place of a drill's name: each that there is, one after another."""
RUN_MIN: Final = 3
"""What one takes in a world of its own, about."""
WORLD_COSTS: Final = "all of it on this machine, of which it takes a processor and more for about three minutes"


@dataclass(frozen=True, slots=True)
class Offer:
    """One drill, and where it may be run."""

    drill: Drill
    has_world: bool
    plan: ProductionPlan | None
    """Against the running node."""
    refused: str
    """Why not there."""

    @property
    def blast_radius(self) -> str:
        """Of the drill in its own world."""
        return f"{self.drill.blast_radius}; {WORLD_COSTS}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """All of one operation."""

    operation: str
    has_world: bool
    offers: Mapping[str, Offer]
    paths: tuple[str, ...]

    @property
    def blast_radius_of_all(self) -> str:
        """Of every drill, one after another, each in a world of its own."""
        return (
            "for each of them a world of its own, on this machine, one after another; it takes a processor and more, "
            f"for about {RUN_MIN * len(self.offers)} minutes together"
        )


def catalogue_of(operation: Operation, written: Path | None = None) -> Catalogue:
    """What can be drilled. `written` are the drills that are files of the world. Raises `DrillError`."""
    from keepline.config import embedded_operation_path

    has_world = operation.name == WORLD
    drills = generated(operation)
    if has_world:
        drills |= read_drills(written or embedded_operation_path().parents[1] / WORLD / "drills")
    offers = {}
    for name, drill in drills.items():
        plan, refused = None, ""
        try:
            plan = plan_of(drill, operation)
        except RefusedDrillError as error:
            refused = str(error)
        offers[name] = Offer(drill, has_world, plan, refused)
    return Catalogue(operation.name, has_world, offers, tuple(paths_of(operation)))


def refusal(found: Catalogue, name: str, confirm: str, *, production: bool) -> str:
    """Why a drill is not begun with that word for it; empty where it may be. Raises `DrillError` for an unknown one."""
    if name == EVERY:
        if production or not found.has_world:
            return f"each is run in a world of its own, which {WORLD} alone has: by test calls one drill runs at a time"
        said = confirm.strip() == EVERY
        return "" if said else f"to go on, confirm with {EVERY}. Blast radius: {found.blast_radius_of_all}"
    offer = found.offers.get(name)
    if offer is None:
        raise DrillError(f"there is no drill {name!r} of {found.operation}; `keepline drill list` has them")
    if production:
        if offer.plan is None:
            return offer.refused
        if confirm.strip() != found.operation:
            return (
                f"it serves callers: to go on, confirm with the operation's name, {found.operation}. "
                f"Blast radius: {offer.plan.blast_radius}"
            )
        return ""
    if not offer.has_world:
        instead = "it can be drilled by test calls of this node alone: production" if offer.plan else offer.refused
        return f"{found.operation} has no world to be drilled against, which {WORLD} alone has; {instead}"
    if confirm.strip() != name:
        return f"to go on, confirm with the drill's name, {name}. Blast radius: {offer.blast_radius}"
    return ""
