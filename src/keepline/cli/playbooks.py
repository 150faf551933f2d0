"""`keepline playbook`: the playbooks of an operation, what is wrong with them, and their steps."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli.operation import File
from keepline.cli.output import WRONG_INPUT, CommandFailed

if TYPE_CHECKING:
    from keepline.model.playbook import Playbook, PlaybookStep

playbook = typer.Typer(help="What is done in an incident, step by step.", no_args_is_help=True, rich_markup_mode=None)
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
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `keepline playbook list` has it.")],
    file: File = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
) -> None:
    """Print the steps of a playbook."""
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
