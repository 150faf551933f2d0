"""`keepline review`: what an incident was, and what is to be done after it. Both from the journal; a node is asked only
to write something down.
"""

import getpass
import json
import secrets
import sqlite3
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from keepline.cli.output import DEFAULT_DATA, FAILED, WRONG_INPUT, CommandFailed, Data, complain
from keepline.cli.paths import ask_active

if TYPE_CHECKING:
    from pathlib import Path

    from keepline.call.effects_incident import AddAction, EndAction
    from keepline.model.money import MoneySettings

FORMATS = ("md", "html", "json")


class _ShowUnlessNamed(TyperGroup):
    """`keepline review INC-20261123-1` shows that review: an incident's id is no command's name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands and not args[0].startswith("-"):
            args = ["show", *args]
        return super().resolve_command(ctx, args)


review = typer.Typer(
    help="What an incident was, and what is to be done after it.", no_args_is_help=True, rich_markup_mode=None,
    cls=_ShowUnlessNamed,
)  # fmt: skip
By = Annotated[str, typer.Option(metavar="NAME", show_default=False, help="Who says so; the user of this machine.")]


@review.command("show")
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The incident's id.")],
    format_: Annotated[str, typer.Option("--format", metavar="F", help="md, html or json.")] = "md",
    data: Data = DEFAULT_DATA,
) -> None:
    """Print the review of an incident: what happened, what callers experienced, what it cost."""
    from keepline.incident.review import review_of
    from keepline.incident.review_text import html_of, markdown_of
    from keepline.node.journal_review import reviewed

    if format_ not in FORMATS:
        raise CommandFailed(f"--format {format_}: write one of {', '.join(FORMATS)}", WRONG_INPUT)
    try:
        found = review_of(reviewed(data, id_, prices_of(data), time.time()))
    except KeyError:
        known = "`keepline incident list --all` has them"
        raise CommandFailed(f"no incident has the id {id_}; {known}", FAILED) from None
    except (OSError, sqlite3.Error) as error:
        raise CommandFailed(f"the journal in {data} cannot be read: {error}", FAILED) from error
    made = {"json": lambda told: json.dumps(told, ensure_ascii=False, indent=2), "html": html_of, "md": markdown_of}
    typer.echo(made[format_](found))


@review.command("actions")
def actions(
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    incident: Annotated[str, typer.Option(metavar="ID", show_default=False, help="Of this incident alone.")] = "",
    everything: Annotated[bool, typer.Option("--all", help="Also those that are done or dropped.")] = False,
) -> None:
    """Print what is to be done after incidents: whose it is, and by when."""
    from keepline.incident.actions import actions_told
    from keepline.node.reader import JournalReader

    book = JournalReader(data).incidents()
    told = actions_told(book.incidents.values(), time.time())
    wanted = [
        each for each in sorted(told, key=lambda each: each["due"])
        if incident in ("", each["incident"]) and (everything or each["state"] == "open")
    ]  # fmt: skip
    for each in wanted:
        typer.echo(json.dumps(each, ensure_ascii=False) if as_json else _line_of(each))
    if not wanted and not as_json:
        complain("there is no action" if everything else "no action is open; --all lists those that were")


@review.command("add")
def add(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The incident's id.")],
    what: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be done.")],
    owner: Annotated[str, typer.Option(metavar="NAME", help="Whose it is.")],
    due: Annotated[str, typer.Option(metavar="DAY", help="The day (UTC) at whose end it is done: 2026-12-31.")],
    by: By = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Have something done after an incident, by somebody."""
    from keepline.call.effects_incident import AddAction
    from keepline.incident.actions import end_of_day

    try:
        due_s = end_of_day(due)
    except ValueError:
        raise CommandFailed(f"--due {due} is no day: write it as 2026-12-31", WRONG_INPUT) from None
    _ask(data, AddAction(secrets.token_hex(8), id_, what, owner, due_s, by or getpass.getuser()))
    typer.echo(f"{owner} has it, until {due}")


@review.command("end")
def end(
    action: Annotated[str, typer.Argument(metavar="ACTION", help="INC-20261123-1/2: of the incident, its number.")],
    state: Annotated[str, typer.Option("--as", metavar="STATE", help="done, dropped or open.")] = "done",
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why; needed where it is not done.")] = "",
    by: By = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Say that an action is done or dropped, or open again."""
    from keepline.call.effects_incident import EndAction

    incident, _, number = action.partition("/")
    if not number.isdecimal():
        raise CommandFailed(f"{action} is no action: `keepline review actions` has them, INC-20261123-1/2", WRONG_INPUT)
    _ask(data, EndAction(secrets.token_hex(8), incident, int(number), state, by or getpass.getuser(), why))
    typer.echo(f"{action} is {state}")


def _line_of(told: dict[str, Any]) -> str:
    """An action on one line for a person."""
    from keepline.incident.actions import day_told

    state = "OVERDUE" if told["is_overdue"] else told["state"]
    return "  ".join([told["id"], state, f"by {day_told(told['due'])}", told["owner"], told["what"]])


def _ask(data: "Path", wanted: "AddAction | EndAction") -> None:
    from keepline.node.incident_commands import incident_request

    reply = ask_active(data, incident_request(wanted))
    if not reply.get("ok"):
        raise CommandFailed(str(reply.get("error", "the node refused")), WRONG_INPUT)


def prices_of(data: "Path") -> "MoneySettings | None":
    """The prices of the version that the node runs, or ran last."""
    from keepline.config import load_stored

    stored = sorted((data / "operation").glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
    digests = [path.name for path in stored if path.is_dir() and len(path.name) == 32]
    return load_stored(data, digests[0]).money if digests else None
