"""`keepline drill run NAME --production`: a carrier is away for marked test calls of a node that serves callers."""

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from keepline.cli.drill_turns import note_asked
from keepline.cli.output import FAILED, NO_NODE, WRONG_INPUT, CommandFailed
from keepline.cli.paths import ask_active

if TYPE_CHECKING:
    from keepline.drill.experiment import Drill
    from keepline.drill.production import ProductionPlan
    from keepline.model.operation import Operation

ASK_LIMIT_S = 5.0


def run_in_production(name: str, data: Path, yes: str, history: Path, as_json: bool) -> None:
    """Say what it touches, have the operation's name said, do it, and print the score card."""
    from keepline.drill.history import against, before, forget, has_passed, read_runs
    from keepline.drill.production import ProductionRun, production_lines
    from keepline.node.preflight import Checker

    operation = _operation(data)
    chosen, plan = _planned(name, operation)
    typer.echo(f"{chosen.title}, for test calls. Blast radius: {plan.blast_radius}", err=as_json)
    _confirm(plan.operation, yes)
    last = before(read_runs(history), chosen.name, plan.operation)

    checker = Checker(data, operation, lambda request: ask_active(data, request))
    say = lambda line: None if as_json else typer.echo(f"{time.strftime('%H:%M:%S')}  {line}")  # noqa: E731
    made = ProductionRun(chosen, plan, checker, history, say)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, made.abort)
    note_asked(data, "drill.run", f"{chosen.name} in production")
    journal = made.perform()
    forget(history)
    passed = has_passed(journal)
    if as_json:
        typer.echo(json.dumps(journal | {"passed": passed}))
        raise typer.Exit(0 if passed else FAILED)
    for line in production_lines(journal):
        typer.echo(line)
    for line in against(journal["card"], last) if journal["card"] else ():
        typer.echo(f"  against the last run: {line}")
    error = f": {journal['error']}" if "error" in journal else ""
    typer.echo("passed" if passed else f"NOT passed: {journal['status']}{error}")
    raise typer.Exit(0 if passed else FAILED)


def _operation(data: Path) -> "Operation":
    """That of the running node."""
    from keepline.config import load_stored
    from keepline.node.control import NodeNotRunning, ask

    try:
        digest = str(ask(data, {"op": "status"}, ASK_LIMIT_S).get("operation", ""))
    except NodeNotRunning as error:
        raise CommandFailed(str(error), NO_NODE) from error
    return load_stored(data, digest)


def _planned(name: str, operation: "Operation") -> "tuple[Drill, ProductionPlan]":
    from keepline.drill.experiment import DrillError, read_drill
    from keepline.drill.generating import generated
    from keepline.drill.production import RefusedDrillError, plan_of

    try:
        if name.endswith((".yaml", ".yml")):
            chosen = read_drill(Path(name).read_text(encoding="utf-8"), Path(name).stem, name)
        else:
            drills = generated(operation)
            if name not in drills:
                usable = ", ".join(each for each in drills if each.startswith("telephony-"))
                raise CommandFailed(f"there is no drill {name!r} of {operation.name}; there are {usable}", WRONG_INPUT)
            chosen = drills[name]
        return chosen, plan_of(chosen, operation)
    except (DrillError, RefusedDrillError, OSError) as error:
        raise CommandFailed(str(error), WRONG_INPUT) from error


def _confirm(operation: str, yes: str) -> None:
    """Somebody says the operation's name, or nothing is done."""
    said = yes
    if not said:
        if not os.isatty(sys.stdin.fileno()):
            raise CommandFailed(f"nobody is there to confirm it: add `--yes {operation}`", WRONG_INPUT)
        said = typer.prompt("It serves callers. To go on, type the operation's name")
    if said.strip() != operation:
        raise CommandFailed(f"the operation is {operation}, not {said!r}: nothing is done", WRONG_INPUT)
