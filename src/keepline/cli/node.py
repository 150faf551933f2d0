"""`keepline stop` and `keepline status`: what one asks of a running node."""

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, CommandFailed, Data

ASK_TIMEOUT_S = 5.0
STOP_MARGIN_S = 15.0
"""Beyond the node's own limit for live calls: to end its processes and close its journal."""
STOP_POLL_S = 0.1
REMOVED_LIMIT_S = 60.0
"""For a node that cannot be asked how long its live calls may take."""


def stop(
    data: Data = DEFAULT_DATA,
    now: Annotated[bool, typer.Option("--now", help="Do not let live calls finish.")] = False,
) -> None:
    """Stop the node: no new calls, live ones finish within a limit, no process left."""
    from keepline.node.control import NodeNotRunning, ask, end_orphans

    not_running = ""
    try:
        reply = ask(data, {"op": "stop", "now": now}, ASK_TIMEOUT_S)
        limit = reply.get("limit_s", 0.0)
        _wait_until_gone(data, (float(limit) if isinstance(limit, int | float) else 0.0) + STOP_MARGIN_S)
    except NodeNotRunning as error:
        if _stop_removed(data, now):
            return
        not_running = str(error)
    orphans = end_orphans(data)
    if orphans:
        typer.echo(f"ended what a former node had left: {' '.join(map(str, orphans))}")
    elif not_running:
        raise CommandFailed(not_running)
    else:
        typer.echo("stopped")


def _stop_removed(data: Path, now: bool) -> bool:
    """Stop the node whose directory was removed, which only signals reach; False where there is no such node."""
    import signal

    from keepline.node.paths import NodePaths
    from keepline.node.processes import send_signal, wait_gone
    from keepline.node.removed import supervisor_of_removed

    supervisor = supervisor_of_removed(NodePaths(data))
    if supervisor is None:
        return False
    for _ in range(2 if now else 1):
        send_signal(supervisor, signal.SIGTERM)
    if not wait_gone(supervisor, REMOVED_LIMIT_S):
        raise CommandFailed(
            f"the node still runs after {REMOVED_LIMIT_S:g} s; end it with: keepline stop --now --data {data}"
        )
    typer.echo("stopped the node whose directory was removed")
    return True


def _wait_until_gone(data: Path, limit_s: float) -> None:
    from keepline.node.control import NodeNotRunning, ask

    deadline_s = time.monotonic() + limit_s
    while time.monotonic() < deadline_s:
        try:
            ask(data, {"op": "status"}, ASK_TIMEOUT_S)
        except NodeNotRunning:
            return
        time.sleep(STOP_POLL_S)
    raise CommandFailed(f"the node still runs after {limit_s:g} s; end it with: keepline stop --now --data {data}")


def status(
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Say how the node is."""
    from keepline.node.control import NodeNotRunning
    from keepline.node.whole_status import whole_status

    try:
        reply = whole_status(data, ASK_TIMEOUT_S)
    except NodeNotRunning as error:
        raise CommandFailed(str(error)) from error
    if as_json:
        typer.echo(json.dumps(reply, separators=(", ", ": ")))
    else:
        _print_status(reply)


def _print_status(reply: Mapping[str, object]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2))
    for key, value in reply.items():
        if key == "processes" and isinstance(value, Mapping):
            for name, process in _processes(value):
                table.add_row(name, process)
        elif key == "registrations" and isinstance(value, Mapping):
            for trunk, each in value.items():
                table.add_row(f"registration {trunk}", _registration(each))
        elif key == "witnesses" and isinstance(value, Mapping):
            for name, each in value.items():
                table.add_row(f"witness {name}", _witness(each))
        elif key == "copies" and isinstance(value, Mapping):
            for name, each in value.items():
                table.add_row(f"copy {name}", _copy(each))
        else:
            table.add_row(key.replace("_", " "), _plain(value))
    Console(highlight=False).print(table)


def _plain(value: object) -> str:
    """`none`, `yes`, `1.5`; of a mapping `waiting facts 0, flush s 0.1`, of a list its members."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {_plain(each)}" for name, each in value.items()) or "none"
    if isinstance(value, list | tuple):
        return "; ".join(map(_plain, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "none" if value is None else str(value)


def _registration(found: Mapping[str, object]) -> str:
    """`registered for 2700 s more`, `not registered: 403 Forbidden`."""
    state = f"registered for {found['for_s']} s more" if found["registered"] else "not registered"
    return f"{state}: {found['why']}" if found["why"] else state


def _witness(found: Mapping[str, object]) -> str:
    """`file /mnt/vault/shop.notes: 48213 facts at 20:47:21`, and what is wrong."""
    at = found["at"]
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at)) if isinstance(at, int | float) else ""
    state = f"{found['facts']} facts at {when}" if when else "nothing yet"
    return ": ".join(str(each) for each in (found["place"], state, found["why"], found["remark"]) if each)


def _copy(found: Mapping[str, object]) -> str:
    """`12.4 s old`, `not there`, and what is wrong."""
    state = "not there" if found["age_s"] is None else f"{found['age_s']} s old"
    return f"{state}: {found['why']}" if found["why"] else state


def _processes(found: Mapping[str, object], prefix: str = "") -> list[tuple[str, str]]:
    """`calls active` -> `pid 12`, from the nested mapping of a status."""
    rows: list[tuple[str, str]] = []
    for name, process in found.items():
        full = f"{prefix}{name}"
        if isinstance(process, Mapping) and "pid" not in process:
            rows += _processes(process, f"{full} ")
        elif isinstance(process, Mapping):
            rows.append((full, ", ".join(f"{key} {value}" for key, value in process.items())))
        else:
            rows.append((full, "none" if process is None else str(process)))
    return rows
