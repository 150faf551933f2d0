"""`keepline playbook`: the playbooks of an operation, what is wrong with them, and their steps."""

import getpass
import json
import secrets
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from keepline.cli.operation import File
from keepline.cli.output import DEFAULT_DATA, FAILED, WRONG_INPUT, CommandFailed, Data
from keepline.cli.paths import ask_active

if TYPE_CHECKING:
    from keepline.model.playbook import Playbook, PlaybookStep

playbook = typer.Typer(help="What is done in an incident, step by step.", no_args_is_help=True, rich_markup_mode=None)
step = typer.Typer(help="Say something of one step in an incident.", no_args_is_help=True, rich_markup_mode=None)
playbook.add_typer(step, name="step")
Incident = Annotated[str, typer.Argument(metavar="ID", help="The incident's id.")]
Step = Annotated[str, typer.Argument(metavar="STEP", help="The step's id.")]
Note = Annotated[str, typer.Option(metavar="TEXT", help="A note; a reason, where its turn has not come.")]
Why = Annotated[str, typer.Option(metavar="TEXT", help="Why: that is kept.")]
By = Annotated[str, typer.Option(metavar="NAME", show_default=False, help="Who says so; the user of this machine.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@playbook.command("list")
def list_(file: File = None, as_json: AsJson = False) -> None:
    """Print the playbooks of an operation: its own, and Keepline's for every other kind of incident."""
    for each in _playbooks(file).values():
        told = {
            "playbook": each.name,
            "kind": each.kind,
            "title": each.title,
            "steps": len(each.every_step()),
            "paths": list(each.paths),
            "file": each.file,
        }
        where = each.file or "of Keepline"
        paths = f"  for {', '.join(each.paths)}" if each.paths else ""
        line = f"{each.name:<16} {each.kind:<12} {told['steps']:>2} steps  {each.title}  ({where}){paths}"
        typer.echo(json.dumps(told, ensure_ascii=False) if as_json else line)


@playbook.command("show")
def show(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="As `keepline playbook list` has it; or an incident's id.")
    ],
    file: File = None,
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print the steps of a playbook, or how they stand in an incident."""
    if name.startswith("INC-"):
        _show_play(name, data, as_json=as_json)
        return
    found = _playbooks(file)
    each = found.get(name)
    if each is None:
        raise CommandFailed(f"there is no playbook {name}; there are {', '.join(found)}", WRONG_INPUT)
    if as_json:
        told = {"playbook": each.name, "kind": each.kind, "title": each.title, "paths": list(each.paths)}
        steps = [step.told() for step in each.steps]
        typer.echo(json.dumps(told | {"steps": steps, "digest": each.digest}, ensure_ascii=False))
        return
    typer.echo(f"{each.title}  ({each.kind}, {each.file or 'of Keepline'})")
    _echo_steps(each.steps, "")


@playbook.command("check")
def check(file: File = None, as_json: AsJson = False) -> None:
    """Tell every mistake of the playbooks, and nothing else of the operation."""
    from keepline.config import find_operation
    from keepline.config.playbook_checks import mistakes_in_playbooks

    found = mistakes_in_playbooks(find_operation(file))
    for mistake in found:
        typer.echo(json.dumps(asdict(mistake), ensure_ascii=False) if as_json else str(mistake))
    if found:
        raise typer.Exit(WRONG_INPUT)


def _playbooks(file: Path | None) -> "dict[str, Playbook]":
    from keepline.config import find_operation, load_operation

    return dict(load_operation(find_operation(file)).playbooks)


def _echo_steps(steps: "tuple[PlaybookStep, ...]", indent: str) -> None:
    for step in steps:
        for line in step_lines(step):
            typer.echo(indent + line)
        for name, below in step.branches:
            typer.echo(f"{indent}    {name}:")
            _echo_steps(below, indent + "      ")


def step_lines(step: "PlaybookStep") -> list[str]:
    """A step for a person: what it does, and what goes with it."""
    first = f"{step.id}: {step.kind.value} {step.subject}".rstrip()
    first += f" {step.for_s:g} s" if step.for_s else ""
    first += f", due after {step.due_s:g} s" if step.due_s is not None else ""
    first += f", within {step.within_s:g} s" if step.within_s is not None else ""
    first += f", else {step.otherwise}" if step.otherwise else ""
    lines = [first]
    lines += [f"    when {each}" for each in step.when] + [f"    until {each}" for each in step.until]
    lines += [f"    {step.do}"] if step.do else []
    return lines + ([f"    good: {step.good}"] if step.good else [])


# In an incident -------------------------------------------------------------------------------------------------------


@step.command("done")
def done(id_: Incident, step_id: Step, why: Note = "", by: By = "", data: Data = DEFAULT_DATA) -> None:
    """It is done."""
    _say(data, id_, step_id, "done", why, by)


@step.command("skip")
def skip(id_: Incident, step_id: Step, why: Why, by: By = "", data: Data = DEFAULT_DATA) -> None:
    """It is not to be done, or not waited for any longer."""
    _say(data, id_, step_id, "skip", why, by)


@step.command("approve")
def approve(id_: Incident, step_id: Step, why: Note = "", by: By = "", data: Data = DEFAULT_DATA) -> None:
    """Yes, to an approval."""
    _say(data, id_, step_id, "approve", why, by)


@step.command("reject")
def reject(id_: Incident, step_id: Step, why: Note = "", by: By = "", data: Data = DEFAULT_DATA) -> None:
    """No, to an approval."""
    _say(data, id_, step_id, "reject", why, by)


@step.command("add")
def add(
    id_: Incident,
    do: Annotated[str, typer.Argument(metavar="TEXT", help="What is to be done.")],
    why: Why,
    by: By = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Something is to be done that is not in the playbook."""
    _say(data, id_, do, "add", why, by)


def _say(data: Path, incident: str, step_id: str, said: str, why: str, by: str) -> None:
    from keepline.call.effects_playbook import SayOfStep
    from keepline.node.incident_commands import say_request

    wanted = SayOfStep(secrets.token_hex(8), incident, step_id, said, why, by or getpass.getuser())
    reply = ask_active(data, say_request(wanted))
    if not reply.get("ok"):
        raise CommandFailed(str(reply.get("error", "the node refused")), WRONG_INPUT)
    typer.echo(f"{incident}: {said} {step_id}")


def _show_play(incident: str, data: Path, *, as_json: bool) -> None:
    from keepline.incident.plays_shown import play_told
    from keepline.node.reader import JournalReader

    play = JournalReader(data).play(incident)
    if play is None:
        raise CommandFailed(f"there is no playbook of {incident}; `keepline incident list --all` has them", FAILED)
    told = play_told(play)
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False))
        return
    where = play.file or "of Keepline"
    typer.echo(f"{play.incident}  {play.title}  ({where})  {play.outcome or 'at work'}  {play.error}".rstrip())
    for each in told["steps"]:
        typer.echo(line_of(each))


def line_of(told: dict[str, Any]) -> str:
    """A step of an incident's playbook on one line for a person."""
    parts = [f"{told['id']:<16} {told['state']:<11}", f"{told['kind']} {told['subject']}".rstrip()]
    if told["overdue"] and told["state"] == "under way":
        parts.append(f"OVERDUE since {_clock(told['due_at'])}")
    elif told["due_at"] and told["state"] == "under way":
        parts.append(f"due {_clock(told['due_at'], told['began_at'])}")
    parts.append(told["do"])
    parts += [f"[{told['deviation']}]"] if told["deviation"] else []
    parts += [f"by {told['by']}"] if told["by"] else []
    parts += [told["why"]] if told["why"] else []
    return "  ".join(filter(None, parts))


def _clock(at_s: float, since_s: float | None = None) -> str:
    from keepline.model.playbook import HALF_A_DAY_S

    is_far = since_s is not None and at_s - since_s >= HALF_A_DAY_S
    return time.strftime("%Y-%m-%d %H:%M:%S" if is_far else "%H:%M:%S", time.localtime(at_s))
