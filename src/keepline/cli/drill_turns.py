"""What the commands of drills share with the desk: where journals are, whose turn it is, what is on record."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from keepline.cli.output import FAILED, CommandFailed, complain

ASK_LIMIT_S = 5.0
History = Annotated[
    Path | None,
    typer.Option("--history", metavar="DIR", help="Where the journals are; `drills` in the data directory."),
]


def kept_in(history: Path | None, data: Path) -> Path:
    """The directory that is meant: where the desk of that node looks, unless another one is named."""
    from keepline.drill.turns import history_of

    return history or history_of(data)


@contextlib.contextmanager
def in_turn(history: Path, lane: int = 0) -> Iterator[None]:
    """While one runs, what a former one has left is put away; raises `CommandFailed` where another one runs."""
    from keepline.drill.turns import NotItsTurnError, turn

    try:
        with turn(history, lane):
            clear(history, lane)
            yield
    except NotItsTurnError as error:
        raise CommandFailed(str(error), FAILED) from None
    except OSError as error:
        if error.filename is None or not str(error.filename).endswith(".lock"):
            raise
        raise CommandFailed(f"drills are kept in {history}: {error.strerror}", FAILED) from error


def clear(history: Path, lane: int = 0) -> None:
    """Put away what a drill has left whose process is gone; refuse where one runs, but for others of `--all`."""
    from keepline.drill.history import all_running, is_running, running
    from keepline.drill.running import cut_off

    for file, noted in all_running(history):
        if lane and file.name != running(lane):
            continue
        if is_running(noted):
            raise CommandFailed(f"a drill runs (process {noted['pid']}); `keepline drill abort` ends it", FAILED)
        for each in cut_off(noted):
            typer.echo(f"left by a drill that was cut off, and ended now: {each}", err=bool(lane))
        file.unlink(missing_ok=True)


def note_asked(data: Path, action: str, name: str) -> None:
    """Put on record with the node of this directory, if one runs, who wants it; the desk has done that for its own.

    Raises `CommandFailed` where it takes two people: the desk begins it once the second one has approved.
    """
    from keepline.drill.turns import ASKED_BY, asked_by
    from keepline.node.control import Message, NodeNotRunning, ask
    from keepline.node.paths import NodePaths
    from keepline.node.people_commands import decide_request

    if ASKED_BY in os.environ or not NodePaths(data).node_file.exists():
        return
    request = decide_request(secrets.token_hex(8), asked_by(), "machine", "machine", action, name, "")
    told: Message = {"ok": True}
    with contextlib.suppress(NodeNotRunning, OSError):
        told = ask(data, request, ASK_LIMIT_S)
    if not told.get("ok"):
        complain(f"the node in {data} did not note who wants this")
    elif told.get("held_until_s"):
        raise CommandFailed(
            "this takes two: the desk begins it once somebody else has approved it at /approvals", FAILED
        )
