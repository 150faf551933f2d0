"""`keepline outbox`: changes that were promised and are kept until the other side takes them, and their conflicts."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, Data, complain
from keepline.cli.work import AsJson, ItemId, as_json_of, ask_node, clock, find_item, items_of

if TYPE_CHECKING:
    from keepline.call.unfinished.book import WorkItem

By = Annotated[str, typer.Option(metavar="NAME", help="Who wants it.")]
Everything = Annotated[bool, typer.Option("--all", help="Also what was made or dropped.")]

outbox = typer.Typer(
    help="Changes that were promised to callers, and are kept until the other side takes them.",
    rich_markup_mode=None,
    invoke_without_command=True,
)


@outbox.callback()
def _outbox(
    context: typer.Context, data: Data = DEFAULT_DATA, as_json: AsJson = False, everything: Everything = False
) -> None:
    if context.invoked_subcommand is None:
        list_kept(data, as_json, everything)


@outbox.command("list")
def list_kept(data: Data = DEFAULT_DATA, as_json: AsJson = False, everything: Everything = False) -> None:
    """Print what is kept and what is in conflict, the oldest first."""
    found = [item for item in items_of(data, everything=everything) if _is_kept(item)]
    for item in found:
        typer.echo(json.dumps(as_json_of(item), ensure_ascii=False) if as_json else line_of(item))
    if not found and not as_json:
        complain("nothing is kept" if everything else "nothing is kept; --all lists what was, too")


@outbox.command("retry")
def retry(item: ItemId, by: By, data: Data = DEFAULT_DATA) -> None:
    """Try a change that is in conflict again: after a refusal under another key, else under its own."""
    from keepline.call.effects_work import RetryWork
    from keepline.call.unfinished.book import ItemState

    found = _find(data, item)
    ask_node(data, RetryWork(found.id, by), lambda: _find(data, found.id).state is not ItemState.OPEN)
    typer.echo(f"tried again: {found.id}")


@outbox.command("drop")
def drop(
    item: ItemId,
    by: By,
    why: Annotated[str, typer.Option(metavar="TEXT", help="Why it is not to be made, or how it was.")],
    data: Data = DEFAULT_DATA,
) -> None:
    """Have a change not made: it is journaled, and off both lists."""
    from keepline.call.effects_work import CloseWork
    from keepline.call.unfinished.book import ItemState

    found = _find(data, item)
    wanted = CloseWork(found.id, by, "void", why)
    ask_node(data, wanted, lambda: _find(data, found.id).state is ItemState.CLOSED)
    typer.echo(f"dropped {found.id}")


def _is_kept(item: "WorkItem") -> bool:
    from keepline.call.facts.work import UseKept

    return isinstance(item.begun, UseKept)


def _find(data: Path, prefix: str) -> "WorkItem":
    return find_item(data, prefix, _is_kept)


def line_of(item: "WorkItem") -> str:
    """A kept change on one line for a person."""
    begun = item.begun
    state = "conflict" if item.state.value == "open" else item.state.value
    what = f"{begun.capability}.{begun.action} by {begun.path}"
    return "  ".join([clock(begun.at_s), item.id, state, what, begun.from_number or "-", item.why])
