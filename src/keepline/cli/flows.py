"""`keepline flows` and `keepline flow`: runs, which are flows without a caller, and the events they wait for."""

import json
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli import output
from keepline.cli.output import DEFAULT_DATA, CommandFailed, Data
from keepline.cli.placing import ASK_AGAIN_FOR_S, ASK_TIMEOUT_S, POLL_S, variables_of
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

    for line in JournalReader(data).runs(ended=ended):
        typer.echo(_json_of(line) if as_json else _line_of(line))


def show(
    run: Annotated[str, typer.Argument(metavar="ID", help="The run's id, or the beginning of it.")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Print the timeline of one run."""
    from keepline.node.reader import JournalReader

    reader = JournalReader(data)
    found = reader.runs(prefix=run)
    if not found:
        raise CommandFailed(f"no run has an id that begins with {run}", output.FAILED)
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
    from keepline.node.control import NodeNotRunning, ask
    from keepline.node.run_commands import request_of

    give_up_s = time.monotonic() + ASK_AGAIN_FOR_S
    while True:
        try:
            reply = ask(data, request_of(wanted), ASK_TIMEOUT_S)
        except NodeNotRunning as error:
            if "did not answer" not in str(error) or time.monotonic() > give_up_s:
                raise CommandFailed(str(error), output.NO_NODE) from error
            continue
        if reply.get("ok"):
            return reply
        if not reply.get("again"):
            raise CommandFailed(str(reply.get("error", "the node refused")), output.WRONG_INPUT)
        if time.monotonic() > give_up_s:
            raise CommandFailed(f"the node cannot do it: {reply.get('error')}", output.FAILED)
        time.sleep(POLL_S)


def _state_of(line: "RunLine") -> str:
    return line.ending or ("waiting" if line.subject or line.due_at != 0 else "at_work")


def _waits_for(line: "RunLine") -> str:
    return line.subject or ("time" if _state_of(line) == "waiting" else "")


def _json_of(line: "RunLine") -> str:
    told = {
        "id": line.id, "flow": line.flow, "key": line.key, "parent": line.parent, "state": _state_of(line),
        "waits_for": _waits_for(line), "since": line.since, "until": line.due_at or None,
        "began_at": line.began_at, "ended_at": line.ended_at,
    }  # fmt: skip
    return json.dumps(told, ensure_ascii=False)


def _line_of(line: "RunLine") -> str:
    until = f"until {clock(line.due_at)}" if line.due_at else ""
    parts = [clock(line.began_at), line.id, line.flow, line.key or "-", _state_of(line), _waits_for(line),
             f"since {clock(line.since)}", until]  # fmt: skip
    return "  ".join(filter(None, parts))
