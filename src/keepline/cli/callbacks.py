"""`keepline callbacks`: who is to be called back, when, and what came of it."""

import json
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, Data, complain

if TYPE_CHECKING:
    from keepline.node.journal_callbacks import TicketLine

ENDED_SHOWN_MAX = 200


def callbacks(
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Also the last ones that are closed.")] = False,
) -> None:
    """Print the tickets of those who are to be called back, the oldest first."""
    from keepline.node.reader import JournalReader

    found = JournalReader(data).callbacks(ended=ENDED_SHOWN_MAX if everything else 0)
    for line in found:
        typer.echo(json.dumps(asdict(line), ensure_ascii=False) if as_json else line_of(line))
    if not found and not as_json:
        complain(
            "nobody was promised a call" if everything else "nobody is to be called back; --all lists who was, too"
        )


def line_of(line: "TicketLine") -> str:
    """A ticket on one line for a person."""
    when = f"next at {_clock(line.next_at)}" if line.next_at is not None else "at work" if not line.ended_at else ""
    came = f"{line.attempts} {'call' if line.attempts == 1 else 'calls'}"
    parts = [_clock(line.promised_at), line.ticket, line.state, line.number, line.flow, line.why, came]
    return "  ".join([*parts, *(each for each in (when, line.came_to) if each)])


def _clock(at_s: float) -> str:
    """Local time of day, after the date."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_s))
