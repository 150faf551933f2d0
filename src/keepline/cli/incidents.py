"""`keepline incident` and `keepline mode`: what affects callers, who commands it, and in which mode the operation is.

What there is comes from the journal, so it is told with or without a running node; what is to be done goes to the node.
"""

import getpass
import json
import secrets
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keepline.cli.output import DEFAULT_DATA, FAILED, WRONG_INPUT, CommandFailed, Data, complain
from keepline.cli.paths import ask_active, span_of

if TYPE_CHECKING:
    from pathlib import Path

    from keepline.call.effects_incident import IncidentInput
    from keepline.incident.book import IncidentBook
    from keepline.incident.state import Incident

incident = typer.Typer(
    help="What affects callers, from its detection to its review.", no_args_is_help=True, rich_markup_mode=None
)
mode = typer.Typer(
    help="In which mode the operation is: normal, degraded, crisis or recovery.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
Id = Annotated[str, typer.Argument(metavar="ID", help="The incident's id, or the end of it.")]
By = Annotated[str, typer.Option(metavar="NAME", show_default=False, help="Who says so; the user of this machine.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Names = Annotated[list[str] | None, typer.Option(metavar="NAME", show_default=False, help="May be repeated.")]


@incident.command("list")
def list_incidents(
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
    everything: Annotated[bool, typer.Option("--all", help="Also those that are closed.")] = False,
) -> None:
    """Print the open incidents, the newest last."""
    from keepline.incident.shown import incident_told

    book = _book(data)
    found = [each for each in book.incidents.values() if everything or each.is_open]
    for each in found:
        told = incident_told(each)
        typer.echo(json.dumps(told, ensure_ascii=False) if as_json else line_of(told))
    if not found and not as_json:
        complain("there was no incident" if everything else "no incident is open; --all lists those that were")


@incident.command("show")
def show(id_: Id, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Print one incident with its timeline."""
    from keepline.incident.shown import incident_told
    from keepline.node.reader import JournalReader

    found = _found(_book(data), id_)
    told = incident_told(found)
    events = JournalReader(data).events(found.id)
    if as_json:
        timeline = [{"at": each.at_s, "kind": each.kind, **each.fields} for each in events]
        typer.echo(json.dumps(told | {"timeline": timeline}, ensure_ascii=False))
        return
    typer.echo(line_of(told))
    for event in events:
        words = {
            k: v for k, v in event.fields.items() if k not in ("call", "at_s", "asked") and v not in ("", None, ())
        }
        shown = " ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in words.items())
        typer.echo(f"{_clock(event.at_s)}  {event.kind.removesuffix('.1')}  {shown}")


@incident.command("open")
def open_(
    kind: Annotated[str, typer.Argument(metavar="KIND", help="carrier, back_office, payments, surge, node, …")],
    cause: Annotated[str, typer.Option(metavar="TEXT", help="What is the matter.")],
    severity: Annotated[int, typer.Option(metavar="N", help="1 critical, 2 major, 3 minor.")] = 2,
    capability: Names = None,
    path: Names = None,
    by: By = "",
    exercise: Annotated[str, typer.Option(metavar="DRILL", help="It is an exercise: whose.")] = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Say that there is one, whether or not anything was detected."""
    from keepline.call.effects_incident import OpenIncident

    scope = (severity, tuple(capability or ()), tuple(path or ()))
    wanted = OpenIncident(secrets.token_hex(8), kind, cause, *scope, _who(by), exercise)
    typer.echo(f"{_ask(data, wanted)} is open")


@incident.command("take")
def take(
    id_: Id,
    by: By = "",
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why it is taken from who has it.")] = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Command it from now on: one that nobody commands, or that was handed over to you."""
    from keepline.call.effects_incident import TakeIncident

    found = _ask(data, TakeIncident(secrets.token_hex(8), _id(data, id_), _who(by), why))
    typer.echo(f"{_who(by)} commands {found}")


@incident.command("hand-over")
def hand_over(
    id_: Id,
    to: Annotated[str, typer.Option(metavar="NAME", help="Who is to take it; empty takes the offer back.")],
    by: By = "",
    why: Annotated[str, typer.Option(metavar="TEXT", help="What they should know.")] = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Offer your command to somebody, who commands once they have taken it."""
    from keepline.call.effects_incident import OfferIncident

    found = _ask(data, OfferIncident(secrets.token_hex(8), _id(data, id_), to, _who(by), why))
    told = f"{found} is offered to {to}: you command it until they take it" if to else f"{found} is offered to nobody"
    typer.echo(told)


@incident.command("note")
def note(
    id_: Id,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What is to stand in the timeline.")],
    by: By = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Write something into its timeline."""
    from keepline.call.effects_incident import NoteIncident

    typer.echo(f"noted in {_ask(data, NoteIncident(secrets.token_hex(8), _id(data, id_), text, _who(by)))}")


@incident.command("close")
def close(
    id_: Id,
    by: By = "",
    why: Annotated[str, typer.Option(metavar="TEXT", help="What it came to; needed with --override.")] = "",
    override: Annotated[bool, typer.Option("--override", help="Though the recovery gate has not passed.")] = False,
    data: Data = DEFAULT_DATA,
) -> None:
    """Close it, once its recovery gate has passed."""
    from keepline.call.effects_incident import CloseIncident

    found = _ask(data, CloseIncident(secrets.token_hex(8), _id(data, id_), _who(by), why, override))
    typer.echo(f"{found} is closed")


@mode.command("show")
def show_mode(data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Print the mode and why it is that."""
    from keepline.incident.shown import mode_told

    told = mode_told(_book(data), time.time())
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    until = f", until {_clock(told['until'])}" if isinstance(told["until"], float) else ""
    typer.echo(f"{told['mode']}: {told['why']}{until}")


@mode.command("set")
def set_mode(
    name: Annotated[str, typer.Argument(metavar="MODE", help="normal, degraded, crisis or recovery.")],
    for_: Annotated[str, typer.Option("--for", metavar="SPAN", help="How long it holds: 30m, 2h, 1d.")],
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever looks at it next.")],
    by: By = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Set the mode for a while, whatever the incidents are."""
    from keepline.call.effects_incident import SetMode

    _ask(data, SetMode(secrets.token_hex(8), name, span_of(for_), why, _who(by)))
    typer.echo(f"the mode is {name} for {for_}")


@mode.command("release")
def release_mode(by: By = "", data: Data = DEFAULT_DATA) -> None:
    """Have the mode follow from the incidents again."""
    from keepline.call.effects_incident import SetMode

    _ask(data, SetMode(secrets.token_hex(8), "", 0.0, "", _who(by)))
    typer.echo("the mode follows from the incidents")


def line_of(told: dict[str, Any]) -> str:
    """An incident on one line for a person."""
    parts = [told["id"], f"severity {told['severity']}", told["phase"], told["kind"], told["cause"]]
    if told["customers"]:
        parts.append(f"{told['customers']} callers")
    who = told["commander"] or "nobody commands it"
    parts.append(f"{who}, offered to {told['offered_to']}" if told["offered_to"] else who)
    parts.append(f"since {_clock(told['since'])}")
    if told["exercise"]:
        parts.insert(0, "EXERCISE")
    return "  ".join(parts)


def _clock(at_s: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_s))


def _who(by: str) -> str:
    return by or getpass.getuser()


def _book(data: "Path") -> "IncidentBook":
    from keepline.node.reader import JournalReader

    return JournalReader(data).incidents()


def _found(book: "IncidentBook", id_: str) -> "Incident":
    exact = book.incidents.get(id_)
    found = [exact] if exact is not None else [each for each in book.incidents.values() if each.id.endswith(id_)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise CommandFailed(f"no incident has the id {id_}; `keepline incident list --all` has them", FAILED)
    listed = " ".join(each.id for each in found[:10])
    raise CommandFailed(f"{len(found)} incidents have an id that ends with {id_}: {listed}", WRONG_INPUT)


def _id(data: "Path", id_: str) -> str:
    return _found(_book(data), id_).id


def _ask(data: "Path", wanted: "IncidentInput") -> str:
    """Have it done; id of the incident that it is about."""
    from keepline.node.incident_commands import incident_request

    reply = ask_active(data, incident_request(wanted))
    if not reply.get("ok"):
        raise CommandFailed(str(reply.get("error", "the node refused")), WRONG_INPUT)
    return str(reply.get("incident", ""))
