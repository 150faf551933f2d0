"""What follows when an incident opens, changes or closes: the one place where runs are started for it.

Each of `HOOKS` is told in the turn whose facts say so, so that what it starts is on record with them. A run has a key
that names the incident, so being told twice starts one.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from keepline.call.facts.incident import IncidentFact
from keepline.call.facts.run import RunStarted
from keepline.call.runs.starting import run_id
from keepline.call.turn import Turn
from keepline.flow.capabilities import write_value
from keepline.incident.state import Incident

if TYPE_CHECKING:
    from keepline.call.exchange import Exchange

OPENED: Final = "opened"
CHANGED: Final = "changed"
CLOSED: Final = "closed"


@dataclass(frozen=True, slots=True)
class IncidentNews:
    """What has become of an incident."""

    event: str
    """opened, changed (anything on record of it in between) or closed."""
    incident: Incident
    """As it stands with that fact."""
    fact: IncidentFact


Hook = Callable[["Exchange", Turn, IncidentNews], None]
HOOKS: tuple[Hook, ...] = ()
"""Told in this order."""


def tell_hooks(exchange: "Exchange", turn: Turn, news: IncidentNews) -> None:
    """Have each hear of it."""
    for hook in HOOKS:
        hook(exchange, turn, news)


def start_run(
    exchange: "Exchange", turn: Turn, flow: str, key: str, variables: Mapping[str, str | int | float | bool]
) -> str:
    """Start a run of this flow, once for its key; its id. `flow` is the operation's, or built in."""
    digest, id_ = exchange.current, run_id("key", flow, key)
    started = RunStarted(id_, turn.now_s, flow, key, digest, "", -1, write_value(dict(variables)))
    turn.switchboard.start(turn, started)
    return id_
