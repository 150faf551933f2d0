"""The `keepline` command. It parses, asks and prints; it decides nothing about calls.

Exit codes everywhere: 0 fine, 1 failed, 2 wrong input; `call place` has more, by what the call came to. What a person
reads of a failure is one line on stderr; the traceback is kept for `--debug`. Modules that take long to import are
imported by the command that needs them.
"""

import os
import sys
import traceback
from typing import Annotated

import typer

from keepline import __version__
from keepline.cli import (
    callbacks,
    drill,
    evidence,
    flows,
    incidents,
    messages,
    node,
    numbers,
    operation,
    outbox,
    paths,
    people,
    placing,
    playbooks,
    preflight,
    proof,
    records,
    review,
    spof,
    status_page,
    talk,
    work,
)  # fmt: skip
from keepline.cli.output import CODES, FAILED, FINE, WRONG_INPUT, CommandFailed, complain
from keepline.model.errors import KeeplineError, LocalError, OperationError

app = typer.Typer(
    name="keepline",
    help="Phone automation that stays up.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
flow = typer.Typer(help="One flow without a caller.", no_args_is_help=True, rich_markup_mode=None)
call = typer.Typer(help="One call.", no_args_is_help=True, rich_markup_mode=None)

app.command()(operation.init)
app.command()(operation.check)
app.command()(operation.up)
app.command()(operation.upgrade)
app.command()(operation.schema)
app.command()(node.stop)
app.command()(node.status)
app.command()(records.calls)
app.add_typer(call, name="call")
app.command()(flows.flows)
app.add_typer(flow, name="flow")
call.command("show")(records.show)
call.command("place")(placing.place)
app.add_typer(work.work, name="work")
app.add_typer(outbox.outbox, name="outbox")
app.command()(callbacks.callbacks)
app.add_typer(callbacks.callback, name="callback")
app.command()(paths.paths)
app.add_typer(paths.path, name="path")
app.command()(numbers.numbers)
app.add_typer(numbers.number, name="number")
app.add_typer(incidents.incident, name="incident")
app.add_typer(incidents.mode, name="mode")
app.add_typer(messages.message, name="message")
app.command()(preflight.preflight)
flow.command("start")(flows.start)
flow.command("tell")(flows.tell)
flow.command("show")(flows.show)
app.command()(proof.verify)
app.command()(proof.export)
app.command()(spof.spof)
app.command("status-page")(status_page.status_page)
app.command()(talk.phone)
app.command()(talk.demo)
app.add_typer(playbooks.playbook, name="playbook")
app.add_typer(review.review, name="review")
app.command()(evidence.evidence)
app.add_typer(drill.drill, name="drill")
app.add_typer(people.people, name="people")
app.add_typer(people.token, name="token")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"keepline {__version__}")
        raise typer.Exit


@app.callback()
def _keepline(
    debug: Annotated[
        bool, typer.Option("--debug", envvar="KEEPLINE_DEBUG", help="Show the traceback of an unexpected failure.")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    if debug:
        os.environ["KEEPLINE_DEBUG"] = "1"


def main() -> None:
    """Run the command line and leave the process with its exit code."""
    try:
        app()
        code: object = FINE
    except SystemExit as leaving:
        # `keepline calls | head`: nobody reads any more, and that is fine.
        code = FINE if isinstance(leaving.__context__, BrokenPipeError) else leaving.code
    except CommandFailed as failed:
        complain(str(failed))
        code = failed.code
    except OperationError as error:
        for mistake in error.mistakes:
            complain(str(mistake))
        code = WRONG_INPUT
    except Exception as error:
        code = FAILED
        if isinstance(error, KeeplineError) and not isinstance(error, LocalError):
            complain(str(error))
        else:
            _complain_of_bug(error)
    sys.exit(code if code in CODES else FINE if code is None else FAILED)


def _complain_of_bug(error: Exception) -> None:
    if os.environ.get("KEEPLINE_DEBUG"):
        traceback.print_exc()
    complain(f"keepline: {type(error).__name__}: {error} (--debug shows where)")
