"""`keepline message`: what people were told of incidents, and what is to be said next.

What there is comes from the journal, so it is told with or without a running node; what is to be done goes to the node.
"""

import getpass
import json
import secrets
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keepline.cli.output import DEFAULT_DATA, WRONG_INPUT, CommandFailed, Data, complain
from keepline.cli.paths import ask_active

if TYPE_CHECKING:
    from keepline.call.effects_message import DecideMessage, SendMessage

message = typer.Typer(help="What people are told of incidents.", no_args_is_help=True, rich_markup_mode=None)
Id = Annotated[str, typer.Argument(metavar="ID", help="The message's id, or its beginning.")]
By = Annotated[str, typer.Option(metavar="NAME", show_default=False, help="Who says so; the user of this machine.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@message.command("list")
def list_messages(
    data: Data = DEFAULT_DATA,
    as_json: AsJson = False,
    incident: Annotated[str, typer.Option(metavar="ID", show_default=False, help="Of this incident alone.")] = "",
) -> None:
    """Print the messages, the newest last, with what came of their deliveries."""
    from keepline.node.messages_told import messages_told

    found = [each for each in messages_told(data) if incident in ("", each["incident"])]
    for each in found:
        typer.echo(json.dumps(each, ensure_ascii=False) if as_json else line_of(each))
    if not found and not as_json:
        complain("nobody was told anything")


@message.command("show")
def show(id_: Id, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Print one message: its words, who decided, and each delivery."""
    from keepline.node.messages_told import messages_told

    found = [each for each in messages_told(data) if each["id"].startswith(id_)]
    if len(found) != 1:
        raise CommandFailed(f"{len(found) or 'no'} messages begin with {id_}; `keepline message list`", WRONG_INPUT)
    [told] = found
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    typer.echo(line_of(told))
    for language, (subject, text) in told["words"].items():
        typer.echo(f"  {language}: {subject}\n      {text}" if subject else f"  {language}: {text}")
    for each in told["deliveries"]:
        more = f" by {each['channel']}" if each["channel"] else ""
        typer.echo(f"  {each['to']}: {each['state']}{more}" + (f" ({each['why']})" if each["why"] else ""))


@message.command("send")
def send(
    incident: Annotated[str, typer.Argument(metavar="INCIDENT", help="Id of the incident.")],
    audience: Annotated[str, typer.Argument(metavar="AUDIENCE", help="callers, agents, leaders, status_page, …")],
    text: Annotated[str, typer.Option(metavar="TEXT", show_default=False, help="Other words than the approved.")] = "",
    subject: Annotated[str, typer.Option(metavar="TEXT", show_default=False, help="In a line.")] = "",
    instead: Annotated[
        str, typer.Option(metavar="ID", show_default=False, help="Of words that wait: replace them.")
    ] = "",
    by: By = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Tell an audience: the approved words go out at once, others wait for a second person."""
    from keepline.call.effects_message import SendMessage

    wanted = SendMessage(secrets.token_hex(8), incident, audience, by or getpass.getuser(), subject, text, instead)
    id_ = _ask(data, wanted)
    typer.echo(f"{id_} waits for a second person: keepline message approve {id_}" if text else f"{id_} goes out")


@message.command("approve")
def approve(id_: Id, by: By = "", data: Data = DEFAULT_DATA) -> None:
    """Have edited words go out: another person's than who wrote them."""
    from keepline.call.effects_message import DecideMessage

    wanted = DecideMessage(secrets.token_hex(8), id_, True, by or getpass.getuser())
    typer.echo(f"{_ask(data, wanted)} goes out")


@message.command("reject")
def reject(
    id_: Id,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why, for who wrote it.")],
    by: By = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Have edited words not go out."""
    from keepline.call.effects_message import DecideMessage

    wanted = DecideMessage(secrets.token_hex(8), id_, False, by or getpass.getuser(), why)
    typer.echo(f"{_ask(data, wanted)} is not sent")


def line_of(told: dict[str, Any]) -> str:
    """A message on one line for a person."""
    mark = "EXERCISE  " if told["exercise"] else ""
    came = ", ".join(f"{count} {state}" for state, count in told["came_to"].items())
    parts = [
        time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(told["at"])), told["id"], told["incident"], told["audience"],
        told["stage"], told["state"], came or "-",
    ]  # fmt: skip
    return mark + "  ".join(parts)


def _ask(data: Any, wanted: "SendMessage | DecideMessage") -> str:
    from keepline.node.message_commands import message_request

    reply = ask_active(data, message_request(wanted))
    if not reply.get("ok"):
        raise CommandFailed(str(reply.get("error", "the node refused")), WRONG_INPUT)
    return str(reply.get("message", ""))
