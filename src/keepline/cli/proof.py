"""`keepline verify` and `keepline export`: whether the journal is what was written, for oneself and for others."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, CommandFailed, Data

if TYPE_CHECKING:
    from keepline.proof.notes import KeptNote

WRONG_SHOWN_MAX = 20
TOKEN_VARIABLE = "KEEPLINE_WITNESS_TOKEN"
"""Of the environment: what a witness that is a URL is asked with."""


def verify(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The data directory, instead of --data.", show_default=False)
    ] = None,
    data: Data = DEFAULT_DATA,
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A copy of log.pub that was kept elsewhere.", show_default=False)
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SOURCE",
            help="A file, a URL or a mailbox of checkpoints kept elsewhere; may be given again.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Say whether the journal is what was written; exit 1, naming the first fact that is not."""
    from keepline.node.journal_proof import verify_data

    data = directory or data
    notes = _kept(witness) if witness else []
    verdict = verify_data(data, _text(key) if key is not None else None, notes)
    for line in verdict.wrong[:WRONG_SHOWN_MAX]:
        typer.echo(line)
    if len(verdict.wrong) > WRONG_SHOWN_MAX:
        typer.echo(f"and {len(verdict.wrong) - WRONG_SHOWN_MAX} more")
    if verdict.wrong:
        raise CommandFailed(f"{data}: not what was written: {verdict.wrong[0]}")
    erased = f", {verdict.erased} of them erased" if verdict.erased else ""
    erased += f", {verdict.removed} more gone as journal.keep_days says" if verdict.removed else ""
    late = verdict.facts + verdict.removed - verdict.signed
    unsigned = f", the last {late} not signed yet" if late > 0 else ""
    signed = f"{verdict.checkpoints} checkpoints{unsigned}"
    typer.echo(f"{verdict.facts} facts{erased}: as they were written and signed ({signed})")
    if witness:
        typer.echo(f"{verdict.witnessed} of them are proved by a checkpoint that was kept elsewhere")


def _kept(sources: list[str]) -> "list[KeptNote]":
    from keepline.connectors.witness.interface import WitnessFailed
    from keepline.connectors.witness.kept import kept_by

    try:
        return [each for source in sources for each in kept_by(source, os.environ.get(TOKEN_VARIABLE, ""))]
    except WitnessFailed as error:
        raise CommandFailed(str(error)) from None


def export(
    data: Data = DEFAULT_DATA,
    to: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Where to; standard output.", show_default=False)
    ] = None,
) -> None:
    """Write the journal as lines of JSON that anybody can verify without Keepline."""
    from keepline.node.journal_proof import export_data

    if to is None:
        export_data(data, sys.stdout)
        return
    try:
        with to.open("w", encoding="utf-8") as file:
            count = export_data(data, file)
    except OSError as error:
        raise CommandFailed(f"{to} cannot be written: {error}") from None
    typer.echo(f"{count} facts in {to}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandFailed(f"{path} cannot be read: {error}") from None
