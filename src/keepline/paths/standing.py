"""How a path stands, in the words that people are told: names and figures, nothing else."""

from keepline.paths.choice import PathLoad
from keepline.paths.health import PathView
from keepline.paths.wishes import Wished


def standing_of(
    name: str, order: int, view: PathView, load: PathLoad, in_flight_max: int | None, wished: Wished | None
) -> dict[str, object]:
    """A path by its whole name, as JSON has it."""
    return {
        "path": name,
        "order": order,
        "condition": view.condition.value,
        "breaker": view.breaker.value,
        "evidence": view.evidence,
        "in_flight": load.in_flight,
        "in_flight_max": in_flight_max,
        "wish": wished.wish.value if wished is not None else "",
        "until": wished.until_s if wished is not None else None,
        "why": wished.why if wished is not None else "",
        "by": wished.by if wished is not None else "",
    }
