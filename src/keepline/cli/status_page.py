"""`keepline status-page`: serve the files of a status page, on this machine or wherever they are copied to."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, WRONG_INPUT, CommandFailed, Data

MODULE = "keepline.status_page"


def status_page(
    listen: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where it answers.")] = "127.0.0.1:8081",
    directory: Annotated[
        Path | None, typer.Option(metavar="DIR", show_default=False, help="Of its files; else in the data directory.")
    ] = None,
    data: Data = DEFAULT_DATA,
) -> None:
    """Serve the status page, whatever becomes of the node; it becomes a process that imports almost nothing."""
    from keepline.node.paths import NodePaths

    host, colon, port = listen.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 65_535:
        raise CommandFailed(f"--listen {listen}: write HOST:PORT, for example 127.0.0.1:8081", WRONG_INPUT)
    place = directory or NodePaths(data).status_page
    arguments = [sys.executable, "-m", MODULE, "--directory", str(place.absolute()), "--listen", listen]
    os.execv(sys.executable, arguments)
