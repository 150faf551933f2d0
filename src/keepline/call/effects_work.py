"""What is asked about the work list and what it tells. Part of `inputs` and `effects`."""

from dataclasses import dataclass

from keepline.call.effects_incident import IncidentAnswered
from keepline.call.effects_message import MessageAnswered
from keepline.call.effects_number import NumberAnswered
from keepline.call.effects_path import PathAnswered
from keepline.call.effects_person import DecisionAnswered


@dataclass(frozen=True, slots=True)
class CloseWork:
    """A person has seen to an item of the work list; answered with `WorkAnswered`."""

    item: str
    by: str
    outcome: str
    note: str


@dataclass(frozen=True, slots=True)
class RetryWork:
    """A person wants a kept change that is in conflict to be tried again; answered with `WorkAnswered`."""

    item: str
    by: str


@dataclass(frozen=True, slots=True)
class WorkAnswered:
    """What became of a `CloseWork` or a `RetryWork`: it is on record, or cannot be."""

    item: str
    mistake: str = ""


@dataclass(frozen=True, slots=True)
class WorkCounted:
    """How much is unfinished, for whoever asks about the node."""

    counts: tuple[tuple[str, int], ...]
    """As `WorkBook.counts` has them."""


WorkEffect = (
    WorkAnswered | WorkCounted | PathAnswered | NumberAnswered | IncidentAnswered | MessageAnswered | DecisionAnswered
)
"""What is told to people who asked, or may ask."""
