"""`keepline paths` and `keepline path`: how every path is, and what is to become of one for a while."""

import getpass
import json
import re
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keepline.cli.output import DEFAULT_DATA, FAILED, NO_NODE, WRONG_INPUT, CommandFailed, Data

if TYPE_CHECKING:
    from keepline.node.control import Message

ASK_TIMEOUT_S = 5.0
ASK_AGAIN_FOR_S = 15.0
"""A switch-over takes less; who wishes twice in the same words has wished once."""
POLL_S = 0.1
FOLLOW_EVERY_S = 1.0
_SPAN = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(s|m|h|d)")
_SECONDS = {"s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}

path = typer.Typer(help="What is to become of one path for a while.", no_args_is_help=True, rich_markup_mode=None)
Name = Annotated[str, typer.Argument(metavar="NAME", help="As `keepline paths` has it; of a carrier its own name.")]
For = Annotated[str, typer.Option("--for", metavar="SPAN", help="How long it holds: 90s, 30m, 2h, 1d.")]
Why = Annotated[str, typer.Option(metavar="TEXT", help="Why, for whoever looks at it next.")]
By = Annotated[str, typer.Option(metavar="NAME", show_default=False, help="Who wants it; the user of this machine.")]


def paths(
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on: a line whenever a path changes.")] = False,
) -> None:
    """Print how every path of the running node is, and why."""
    seen: dict[str, str] = {}
    while True:
        for each in _standings(data):
            line = json.dumps(each, ensure_ascii=False) if as_json else line_of(each)
            if seen.get(str(each["path"])) != line:
                typer.echo(line)
            seen[str(each["path"])] = line
        if not follow:
            return
        time.sleep(FOLLOW_EVERY_S)


@path.command("drain")
def drain(name: Name, for_: For, why: Why, by: By = "", data: Data = DEFAULT_DATA) -> None:
    """Give it nothing new while another path is fit; what is under way goes on."""
    _wish(data, name, "drain", span_of(for_), why, by)


@path.command("prefer")
def prefer(name: Name, for_: For, why: Why, by: By = "", data: Data = DEFAULT_DATA) -> None:
    """Ask it before the others, while it works."""
    _wish(data, name, "prefer", span_of(for_), why, by)


@path.command("disable")
def disable(name: Name, for_: For, why: Why, by: By = "", data: Data = DEFAULT_DATA) -> None:
    """Give it nothing new while there is any other at all."""
    _wish(data, name, "disable", span_of(for_), why, by)


@path.command("release")
def release(name: Name, by: By = "", data: Data = DEFAULT_DATA) -> None:
    """Want nothing of it any more, before the time is over."""
    _wish(data, name, "release", 0.0, "", by)


def span_of(text: str) -> float:
    """Seconds in `30m`; raises `CommandFailed` for what is no span."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise CommandFailed(f"--for {text}: write a number and s, m, h or d, for example 30m", WRONG_INPUT)
    return float(found[1]) * _SECONDS[found[2]]


def line_of(each: dict[str, Any]) -> str:
    """A path on one line for a person."""
    most = f" of {each['in_flight_max']}" if each["in_flight_max"] is not None else ""
    parts = [each["path"], each["condition"], each["breaker"], f"{each['in_flight']}{most} in flight", each["evidence"]]
    if each["wish"]:
        until = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(each["until"]))
        parts.append(f"{each['wish']} until {until} by {each['by'] or '-'}: {each['why']}")
    return "  ".join(parts)


def _wish(data: Path, name: str, wish: str, for_s: float, why: str, by: str) -> None:
    from keepline.call.effects_path import WishPath
    from keepline.node.path_commands import wish_request

    asked = WishPath(secrets.token_hex(8), name, wish, for_s, why, by or getpass.getuser())
    reply = ask_active(data, wish_request(asked))
    if not reply.get("ok"):
        raise CommandFailed(str(reply.get("error", "the node refused")), WRONG_INPUT)
    typer.echo(f"{wish} {name}" + (f" for {for_s:g} s" if for_s else ""))


def _standings(data: Path) -> list[dict[str, Any]]:
    from keepline.node.path_commands import TELL

    reply = ask_active(data, {"op": TELL, "call": secrets.token_hex(8)})
    found = reply.get("paths")
    return found if isinstance(found, list) else []


def ask_active(data: Path, request: "Message") -> "Message":
    """Ask the active process, also where it is replaced meanwhile."""
    from keepline.node.control import NodeNotRunning, ask

    give_up_s = time.monotonic() + ASK_AGAIN_FOR_S
    while True:
        try:
            reply = ask(data, request, ASK_TIMEOUT_S)
        except NodeNotRunning as error:
            if "did not answer" not in str(error) or time.monotonic() > give_up_s:
                raise CommandFailed(str(error), NO_NODE) from error
            reply = {"again": True, "error": str(error)}
        if not reply.get("again"):
            return reply
        if time.monotonic() > give_up_s:
            raise CommandFailed(f"the node does not answer: {reply.get('error')}", FAILED)
        time.sleep(POLL_S)
