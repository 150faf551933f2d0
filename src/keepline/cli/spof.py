"""`keepline spof`: what one failure, or two, would take down."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli.operation import File
from keepline.cli.output import CommandFailed

if TYPE_CHECKING:
    from keepline.paths.weaknesses import SinglePoint, Weaknesses

PAIRS_SHOWN_MAX = 20
REMEDIES_SHOWN_MAX = 10


def spof(
    file: File = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    svg: Annotated[
        Path | None, typer.Option(metavar="OUT", help="Draw it too, to this file.", show_default=False)
    ] = None,
) -> None:
    """Name the single points of failure of an operation, the pairs, hidden common causes, and what to do first."""
    from keepline.cli.spof_drawing import draw
    from keepline.config import find_operation, load_operation
    from keepline.paths.structure import structure_of
    from keepline.paths.weaknesses import weaknesses_of

    parts = structure_of(load_operation(find_operation(file)))
    found = weaknesses_of(parts)
    if svg is not None:
        try:
            svg.write_text(draw(parts, found), encoding="utf-8")
        except OSError as error:
            raise CommandFailed(f"{svg} cannot be written: {error.strerror or error}") from None
    if as_json:
        singles = [asdict(each) | {"hidden": each.is_hidden} for each in found.singles]
        typer.echo(json.dumps(asdict(found) | {"singles": singles}, ensure_ascii=False))
    else:
        _print(found)


def _print(found: "Weaknesses") -> None:
    hidden = sum(each.is_hidden for each in found.singles)
    typer.echo(
        f"{found.parts} parts, {len(found.critical)} of them critical: {_number(len(found.singles), 'single point')}"
        f" ({hidden} hidden), {_number(len(found.doubles), 'pair')}"
    )
    for point in found.singles:
        typer.echo(f"\n{point.name} ({point.kind}): alone takes down {', '.join(point.brings_down)}")
        for line in _why(point):
            typer.echo(f"  {line}")
    if found.doubles:
        typer.echo("\ntogether:")
    for pair in found.doubles[:PAIRS_SHOWN_MAX]:
        typer.echo(f"  {pair.names[0]} and {pair.names[1]}: take down {', '.join(pair.brings_down)}")
    if len(found.doubles) > PAIRS_SHOWN_MAX:
        typer.echo(f"  and {len(found.doubles) - PAIRS_SHOWN_MAX} pairs more; --json has all")
    if found.remedies:
        typer.echo("\nwhat to do first:")
    for number, remedy in enumerate(found.remedies[:REMEDIES_SHOWN_MAX], start=1):
        gone = [_number(remedy.singles, "fall")] if remedy.singles else []
        gone += [_number(remedy.pairs, "pair")] if remedy.pairs else []
        typer.echo(f"  {number}. {remedy.what} ({', '.join(gone)} gone)")


def _why(point: "SinglePoint") -> list[str]:
    return [
        f"hidden: {shared.chooser} has a choice of {' and '.join(shared.choices)}, and each needs it"
        for shared in point.shared
    ]


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
