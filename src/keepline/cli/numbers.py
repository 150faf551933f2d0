"""`keepline numbers` and `keepline number`: where every number points, and moving one by hand."""

import getpass
import json
import secrets
import time
from typing import Annotated, Any

import typer

from keepline.cli.output import DEFAULT_DATA, WRONG_INPUT, CommandFailed, Data
from keepline.cli.paths import ask_active

number = typer.Typer(help="Where one number points.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NUMBER", help="As `keepline numbers` has it.")]
Why = Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever looks at it next.")]
By = Annotated[str, typer.Option(metavar="NAME", show_default=False, help="Who wants it; the user of this machine.")]


def numbers(
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Print where every number of a carrier points, since when and why."""
    from keepline.node.number_commands import TELL

    found = ask_active(data, {"op": TELL, "call": secrets.token_hex(8)}).get("numbers")
    for each in found if isinstance(found, list) else []:
        typer.echo(json.dumps(each, ensure_ascii=False) if as_json else line_of(each))


@number.command("move")
def move(name: Name, why: Why, by: By = "", data: Data = DEFAULT_DATA) -> None:
    """Point it away from its carrier; it stays there until somebody has it return."""
    _point(data, name, "away", why, by)


@number.command("return")
def return_(name: Name, why: Why, by: By = "", data: Data = DEFAULT_DATA) -> None:
    """Point it back to its carrier, whatever the node thinks of that."""
    _point(data, name, "home", why, by)


def line_of(each: dict[str, Any]) -> str:
    """A number on one line for a person."""
    since = time.strftime("since %Y-%m-%d %H:%M:%S", time.localtime(each["since"])) if each["since"] else ""
    target = f"{each['points']} ({each['target']})" if each["target"] else each["points"]
    parts = [each["number"], each["carrier"] or "-", each["method"], target, since]
    if each["why"]:
        parts.append(f"{each['why']}{' by ' + each['by'] if each['by'] else ''}")
    if each["trouble"]:
        parts.append(f"after {each['attempts']} attempts: {each['trouble']}")
    if each["inbound"]:
        parts.append(f"its carrier is {each['inbound']}: {each['evidence']}")
    return "  ".join(part for part in parts if part)


def _point(data: Any, name: str, to: str, why: str, by: str) -> None:
    from keepline.call.effects_number import PointNumber
    from keepline.node.number_commands import point_request

    asked = PointNumber(secrets.token_hex(8), name, to, why, by or getpass.getuser())
    reply = ask_active(data, point_request(asked))
    if not reply.get("ok"):
        raise CommandFailed(str(reply.get("error", "the node refused")), WRONG_INPUT)
    typer.echo(f"{name} is asked to point {to}; `keepline numbers` says when it does")
