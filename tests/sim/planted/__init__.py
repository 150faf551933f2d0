"""Bugs of the kind that a hasty change would make, a file each: the proof that the simulated world's checks can fail.

A file says in `WITHIN_SEEDS` within how many random worlds its bug must be caught, and plants it with `plant(seed)`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from tests.sim.scenes import Scene

HELPERS = ("__init__", "meddling")


@dataclass(frozen=True, slots=True)
class Planted:
    """One bug."""

    name: str
    """Of its file."""
    within_seeds: int
    plant: Callable[[int], Scene]
    """The world of a seed, with the bug in it."""


def planted_bugs() -> dict[str, Planted]:
    """Every file of this folder, by its name."""
    names = sorted(each.stem for each in Path(__file__).parent.glob("*.py") if each.stem not in HELPERS)
    modules = {name: import_module(f"{__name__}.{name}") for name in names}
    return {name: Planted(name, module.WITHIN_SEEDS, module.plant) for name, module in modules.items()}
