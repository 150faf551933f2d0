"""`keepline phone` and `keepline demo`: hearing a node for oneself."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class DemoOperation(Enum):
    """What a demo plays."""

    RETAILER = "retailer"
    BENCH = "bench"


def phone(
    uri: Annotated[str, typer.Argument(metavar="URI", help="Whom to call, for example sip:1000@127.0.0.1:5060.")],
    keys: Annotated[str, typer.Option(help='What to press and when, for example "1,wait:2,4711#".')] = "",
    record: Annotated[
        Path | None, typer.Option(metavar="FILE.wav", show_default=False, help="Keep what is heard.")
    ] = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.0, metavar="N", show_default=False, help="Hang up after so long.")
    ] = None,
) -> None:
    """A small SIP phone: scripted with --keys, else from the keyboard."""
    from keepline.phone import run_phone

    interactive = not keys and seconds is None and sys.stdin.isatty()
    raise typer.Exit(run_phone(uri, keys, record, seconds, interactive))


def demo(
    seconds: Annotated[
        float | None, typer.Option(min=1.0, metavar="N", show_default=False, help="No new calls after so long (60).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end instead of a table.")] = False,
    operation: Annotated[
        DemoOperation, typer.Option(help="What is called: the example of a retailer, or what the benchmarks call.")
    ] = DemoOperation.RETAILER,
) -> None:
    """A node, a crowd of callers, and the call process killed every 10 s before your eyes."""
    from keepline.demo import run_demo

    raise typer.Exit(run_demo(seconds, as_json, operation.value))
