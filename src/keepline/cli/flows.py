"""`keepline flows` and `keepline flow`: runs, which are flows without a caller, and the events they wait for."""

import json
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli import output
from keepline.cli.output import DEFAULT_DATA, CommandFailed, Data
from keepline.cli.placing import variables_of
from keepline.cli.records import clock, short

if TYPE_CHECKING:
    from keepline.call.effects_run import StartRun, TellEvent
    from keepline.node.control import Message
    from keepline.node.journal_runs import RunLine

ENDED_SHOWN = 20
Variables = Annotated[list[str] | None, typer.Option("--var", metavar="k=v", help="May be given again.")]


def flows(
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    ended: Annotated[
        int, typer.Option(metavar="N", min=0, help="The N that ended last, beside those that have not.")
    ] = ENDED_SHOWN,
) -> None:
    """Print one run a line: its id, its flow, what it waits for, since when and until when."""
    from keepline.node.reader import JournalReader

    found = JournalReader(data).runs(ended=ended)
    for line in found:
        typer.echo(_json_of(line) if as_json else _line_of(line))
    if not found and not as_json:
        output.complain("no flow without a caller is under way; `keepline flow start NAME` starts one")


def show(
    run: Annotated[str, typer.Argument(metavar="ID", help="The run's id, or the beginning of it.")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Print the timeline of one run."""
    from keepline.node.reader import JournalReader

    reader = JournalReader(data)
    found = reader.runs(prefix=run)
    if not found:
        raise CommandFailed(f"no run has an id that begins with {run}; `keepline flows` lists them", output.FAILED)
    if len(found) > 1:
        listed = " ".join(line.id for line in found[:10])
        raise CommandFailed(f"{len(found)} runs have an id that begins with {run}: {listed}", output.WRONG_INPUT)
    typer.echo(_line_of(found[0]))
    for event in reader.events(found[0].id):
        shown = {name: short(value) for name, value in event.fields.items() if name not in ("call", "at_s")}
        fields = "  ".join(f"{name}={value}" for name, value in shown.items() if value)
        typer.echo(f"{clock(event.at_s)}  {event.kind:<20} {fields}".rstrip())


def start(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A flow of the operation that takes a Run.")],
    var: Variables = None,
    key: Annotated[str, typer.Option(metavar="KEY", help="Of all starts with one key the first alone counts.")] = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Start a flow without a caller; prints the id of its run."""
    from keepline.call.effects_run import StartRun

    id_ = f"r{secrets.token_hex(8)[:15]}"
    typer.echo(_ask(data, StartRun(name, id_, key, variables_of(var or [])))["id"])


def tell(
    event: Annotated[str, typer.Argument(metavar="EVENT", help="Its name, as the flow's wait_for has it.")],
    key: Annotated[str, typer.Argument(metavar="KEY", help="Which one: an order's number, for example.")],
    var: Variables = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Tell of an event; the run that waits for it goes on, or the next one that does."""
    from keepline.call.effects_run import TellEvent

    id_ = f"e{secrets.token_hex(8)[:15]}"
    typer.echo(_ask(data, TellEvent(event, key, id_, variables_of(var or [])))["id"])


def _ask(data: Path, wanted: "StartRun | TellEvent") -> "Message":
    """Have it on record, once, also where the call process dies meanwhile."""
    from keepline.node.asking import ask_until_answered
    from keepline.node.control import NodeNotRunning
    from keepline.node.run_commands import request_of

    try:
        reply = ask_until_answered(data, request_of(wanted))
    except NodeNotRunning as error:
        raise CommandFailed(str(error), output.NO_NODE) from error
    if not reply.get("ok"):
        raise CommandFailed(str(reply.get("error", "the node refused")), output.WRONG_INPUT)
    return reply


def _json_of(line: "RunLine") -> str:
    return json.dumps(line.told(), ensure_ascii=False)


def _line_of(line: "RunLine") -> str:
    until = f"until {clock(line.due_at)}" if line.due_at else ""
    parts = [clock(line.began_at), line.id, line.flow, line.key or "-", line.state, line.waits_for,
             f"since {clock(line.since)}", until]  # fmt: skip
    return "  ".join(filter(None, parts))
