"""`keepline preflight`: what would fail when a carrier does, found out before."""

import json
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, FAILED, NO_NODE, CommandFailed, Data
from keepline.cli.paths import ask_active


def preflight(
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    calls: Annotated[bool, typer.Option("--calls/--no-calls", help="Make test calls, too.")] = True,
) -> None:
    """Look whether the running node could do without each carrier; what fails names the fix."""
    from keepline.config import load_stored
    from keepline.node.control import NodeNotRunning, ask
    from keepline.node.preflight import Checker, failed
    from keepline.node.preflight_store import keep

    try:
        digest = str(ask(data, {"op": "status"}, 5.0).get("operation", ""))
    except NodeNotRunning as error:
        raise CommandFailed(str(error), NO_NODE) from error
    checker = Checker(data, load_stored(data, digest), lambda request: ask_active(data, request))
    found = checker.findings(loops=calls)
    if calls:
        with suppress(OSError):  # what is found is said all the same
            keep(data, found, time.time())
    for each in found:
        mark = "ok  " if each.ok else "FAIL"
        line = f"{mark}  {each.check}: {each.what}" + (f"; {each.fix}" if each.fix else "")
        typer.echo(json.dumps(asdict(each), ensure_ascii=False) if as_json else line)
    if failed(found):
        raise typer.Exit(FAILED)
