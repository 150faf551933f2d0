"""What the commands share: exit codes, failures told in one line, and the `--data` option."""

from pathlib import Path
from typing import Annotated

import typer

FINE, FAILED, WRONG_INPUT = 0, 1, 2
BUSY, NO_ANSWER, REFUSED, FLOW_FAILED, CANCELLED, GOING_ON, NO_NODE = 3, 4, 5, 6, 7, 8, 9
"""Of `call place`, by what the call came to."""
CODES = frozenset(range(10))
DEFAULT_DATA = Path("keepline-data")

Data = Annotated[Path, typer.Option("--data", envvar="KEEPLINE_DATA", metavar="DIR", help="The node's data directory.")]


class CommandFailed(Exception):  # noqa: N818 - an outcome of a command, told to a person
    """A command cannot do what was asked; the message is the one line that says so."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code


def complain(line: str) -> None:
    """One line on stderr."""
    typer.echo(line, err=True)
