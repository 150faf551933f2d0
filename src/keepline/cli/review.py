"""`keepline review`: what an incident was, computed from the journal, with or without a running node."""

import json
import sqlite3
import time
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, FAILED, WRONG_INPUT, CommandFailed, Data

if TYPE_CHECKING:
    from pathlib import Path

    from keepline.model.money import MoneySettings

FORMATS = ("md", "html", "json")


def review(
    id_: Annotated[str, typer.Argument(metavar="ID", help="The incident's id.")],
    format_: Annotated[str, typer.Option("--format", metavar="F", help="md, html or json.")] = "md",
    data: Data = DEFAULT_DATA,
) -> None:
    """Print the review of an incident: what happened, what callers experienced, what it cost."""
    from keepline.incident.review import review_of
    from keepline.incident.review_text import html_of, markdown_of
    from keepline.node.journal_review import reviewed

    if format_ not in FORMATS:
        raise CommandFailed(f"--format {format_}: write one of {', '.join(FORMATS)}", WRONG_INPUT)
    try:
        found = review_of(reviewed(data, id_, prices_of(data), time.time()))
    except KeyError:
        known = "`keepline incident list --all` has them"
        raise CommandFailed(f"no incident has the id {id_}; {known}", FAILED) from None
    except (OSError, sqlite3.Error) as error:
        raise CommandFailed(f"the journal in {data} cannot be read: {error}", FAILED) from error
    made = {"json": lambda told: json.dumps(told, ensure_ascii=False, indent=2), "html": html_of, "md": markdown_of}
    typer.echo(made[format_](found))


def prices_of(data: "Path") -> "MoneySettings | None":
    """The prices of the version that the node runs, or ran last."""
    from keepline.config import load_stored

    stored = sorted((data / "operation").glob("*"), key=lambda path: path.stat().st_mtime, reverse=True)
    digests = [path.name for path in stored if path.is_dir() and len(path.name) == 32]
    return load_stored(data, digests[0]).money if digests else None
