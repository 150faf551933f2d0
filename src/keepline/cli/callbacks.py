"""`keepline callbacks` and `keepline callback`: who is to be called back, what came of it, and calling one off."""

import getpass
import json
import secrets
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, NO_NODE, WRONG_INPUT, CommandFailed, Data, complain

if TYPE_CHECKING:
    from keepline.node.journal_callbacks import TicketLine

ENDED_SHOWN_MAX = 200
callback = typer.Typer(help="One ticket.", no_args_is_help=True, rich_markup_mode=None)


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


@callback.command("cancel")
def cancel(
    ticket: Annotated[str, typer.Argument(metavar="TICKET", help="Of an open one, or the number that waits.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever reads it next.")],
    by: Annotated[str, typer.Option(metavar="NAME", show_default=False, help="Who; the user of this machine.")] = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Have nobody called back for it; a call that is under way goes on."""
    from keepline.call.effects_run import TellEvent
    from keepline.flow.calling_back import OFF
    from keepline.node.asking import ask_until_answered
    from keepline.node.control import NodeNotRunning
    from keepline.node.reader import JournalReader
    from keepline.node.run_commands import request_of

    if not why.strip():
        raise CommandFailed("say why", WRONG_INPUT)
    found = [each for each in JournalReader(data).callbacks() if ticket in (each.ticket, each.number)]
    if not found:
        raise CommandFailed(
            f"no open ticket is {ticket}, or of that number; `keepline callbacks` lists them", WRONG_INPUT
        )
    for line in found:
        words = (("why", f"{why} ({by or getpass.getuser()})"), ("call", ""))
        told = TellEvent(OFF, line.ticket, f"e{secrets.token_hex(8)[:15]}", words)
        try:
            reply = ask_until_answered(data, request_of(told))
        except NodeNotRunning as error:
            raise CommandFailed(str(error), NO_NODE) from error
        if not reply.get("ok"):
            raise CommandFailed(str(reply.get("error", "the node refused")), WRONG_INPUT)
        typer.echo(f"{line.ticket}: {line.number} is not called back")


def line_of(line: "TicketLine") -> str:
    """A ticket on one line for a person."""
    when = f"next at {_clock(line.next_at)}" if line.next_at is not None else "at work" if not line.ended_at else ""
    came = f"{line.attempts} {'call' if line.attempts == 1 else 'calls'}"
    parts = [_clock(line.promised_at), line.ticket, line.state, line.number, line.flow, line.why, came]
    return "  ".join([*parts, *(each for each in (when, line.came_to) if each)])


def _clock(at_s: float) -> str:
    """Local time of day, after the date."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_s))
