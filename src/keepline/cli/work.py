"""`keepline work`: what the node could not finish by itself, and what it is still finding out."""

import json
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, FAILED, NO_NODE, WRONG_INPUT, CommandFailed, Data, complain

if TYPE_CHECKING:
    from keepline.call.effects_work import CloseWork, RetryWork
    from keepline.call.unfinished.book import WorkItem

ASK_TIMEOUT_S = 5.0
ASK_AGAIN_FOR_S = 15.0
"""A switch-over takes less; who closes an item twice in the same words has closed it once."""
POLL_S = 0.1
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
Everything = Annotated[bool, typer.Option("--all", help="Also what is resolved or closed.")]
ItemId = Annotated[str, typer.Argument(metavar="ID", help="The item's id, or the beginning of it.")]

work = typer.Typer(
    help="What is left for people: uses whose outcome is in doubt, calls and runs that failed or were broken off.",
    rich_markup_mode=None,
    invoke_without_command=True,
)


@work.callback()
def _work(
    context: typer.Context, data: Data = DEFAULT_DATA, as_json: AsJson = False, everything: Everything = False
) -> None:
    if context.invoked_subcommand is None:
        list_items(data, as_json, everything)


@work.command("list")
def list_items(data: Data = DEFAULT_DATA, as_json: AsJson = False, everything: Everything = False) -> None:
    """Print what is open, the oldest first."""
    found = [item for item in items_of(data, everything=everything) if not item.is_kept]
    for item in found:
        typer.echo(json.dumps(as_json_of(item), ensure_ascii=False) if as_json else line_of(item))
    if not found and not as_json:
        complain("nothing is unfinished" if everything else "nothing is unfinished; --all lists what was, too")


@work.command("show")
def show(item: ItemId, data: Data = DEFAULT_DATA, as_json: AsJson = False) -> None:
    """Print everything that is needed to finish one item by hand."""
    found = find_item(data, item)
    if as_json:
        typer.echo(json.dumps(as_json_of(found), ensure_ascii=False))
        return
    for name, value in as_json_of(found).items():
        if value in ("", None, [], {}):
            continue
        if isinstance(value, list):
            typer.echo(f"{name}:")
            for each in value:
                typer.echo(f"  {_line_within(each)}")
        elif isinstance(value, str) and "\n" in value:
            typer.echo(f"{name}:")
            typer.echo(textwrap.indent(value.rstrip(), "  "))
        else:
            shown = clock(value) if name.endswith("at") and isinstance(value, float) else value
            typer.echo(f"{name}: {json.dumps(shown, ensure_ascii=False) if isinstance(shown, dict) else shown}")


@work.command("close")
def close(
    item: ItemId,
    by: Annotated[str, typer.Option(metavar="NAME", help="Who saw to it.")],
    outcome: Annotated[str, typer.Option(metavar="WORD", help="done, not-done, or void: it needs nothing more.")],
    note: Annotated[str, typer.Option(metavar="TEXT", help="What was found, or done about it.")] = "",
    data: Data = DEFAULT_DATA,
) -> None:
    """Say what became of an item: it is journaled, and off the list."""
    from keepline.call.effects_work import CloseWork
    from keepline.call.unfinished.book import OUTCOMES

    if outcome not in OUTCOMES:
        raise CommandFailed(f"--outcome {outcome}: write one of {', '.join(OUTCOMES)}", WRONG_INPUT)
    found = find_item(data, item)
    wanted = CloseWork(found.id, by, outcome, note)
    if not _is_closed_so(found, wanted):
        ask_node(data, wanted, lambda: _is_closed_so(find_item(data, found.id), wanted))
    typer.echo(f"closed {found.id}: {outcome}")


def ask_node(data: Path, wanted: "CloseWork | RetryWork", is_so: Callable[[], bool]) -> None:
    """Have it done, once, also where the call process dies meanwhile; `is_so` looks whether it is on record."""
    from keepline.node.control import NodeNotRunning, ask
    from keepline.node.work_requests import request_of

    give_up_s = time.monotonic() + ASK_AGAIN_FOR_S
    while True:
        try:
            reply = ask(data, request_of(wanted), ASK_TIMEOUT_S)
        except NodeNotRunning as error:
            if "did not answer" not in str(error) or time.monotonic() > give_up_s:
                raise CommandFailed(str(error), NO_NODE) from error
            reply = {"again": True, "error": str(error)}
        if reply.get("ok") or is_so():
            return
        if not reply.get("again"):
            raise CommandFailed(str(reply.get("error", "the node refused")), FAILED)
        if time.monotonic() > give_up_s:
            raise CommandFailed(f"the node cannot do it: {reply.get('error')}", FAILED)
        time.sleep(POLL_S)


def _is_closed_so(item: "WorkItem", wanted: "CloseWork") -> bool:
    """It was closed in these very words; raises where it is finished in another way."""
    from keepline.call.unfinished.book import ItemState

    if item.state is ItemState.RESOLVED:
        raise CommandFailed(f"{item.id} has been resolved by the node meanwhile; see: keepline work show {item.id}")
    closed = item.closed
    if closed is None:
        return False
    if (closed.by, closed.outcome, closed.note) != (wanted.by, wanted.outcome, wanted.note):
        told = f"{closed.outcome}, {closed.note}" if closed.note else closed.outcome
        raise CommandFailed(f"{item.id} was closed by {closed.by} already, at {clock(closed.at_s)}: {told}")
    return True


def items_of(data: Path, *, everything: bool) -> list["WorkItem"]:
    """What is unfinished, or was, the oldest first."""
    from keepline.node.reader import JournalReader

    return JournalReader(data).work(with_closed=everything)


def find_item(data: Path, prefix: str, is_meant: "Callable[[WorkItem], bool]" = lambda _item: True) -> "WorkItem":
    """The item whose id begins so, of those that are meant; raises where there is none, or more than one."""
    found = [item for item in items_of(data, everything=True) if item.id.startswith(prefix) and is_meant(item)]
    exact = [item for item in found if item.id == prefix]
    if not found:
        raise CommandFailed(f"no item has an id that begins with {prefix}; `keepline work list` says what is open")
    if len(found) > 1 and not exact:
        listed = " ".join(item.id for item in found[:10])
        raise CommandFailed(f"{len(found)} items have an id that begins with {prefix}: {listed}", WRONG_INPUT)
    return (exact or found)[0]


def as_json_of(item: "WorkItem") -> dict[str, object]:
    """As the reference has it."""
    from keepline.call.unfinished.shown import shown

    return shown(item)


def line_of(item: "WorkItem") -> str:
    """An item on one line for a person."""
    begun = item.begun
    what = f"{begun.capability}.{begun.action}" if begun.capability else f"{item.about} {begun.flow}".rstrip()
    key = item.opened.key if item.opened is not None else ""
    parts = [clock(begun.at_s), item.id, item.state.value, what, begun.from_number or key or "-", item.why]
    return "  ".join(parts)


def _line_within(each: dict[str, object]) -> str:
    """A try, or something that a flow had done before it failed."""
    if "asks" in each:
        return f"{clock(each['at'])}  {each['asks']}: {each['why']}"
    if "message" in each:
        return f"step {each['step']}  a message of {each['length_s']} s: {each['message']}"
    answer = f"  {json.dumps(each['answer'], ensure_ascii=False)}" if each["answer"] else ""
    return f"step {each['step']}  {each['use']}  key {each['idempotency_key']}: {each['came_to']}{answer}"


def clock(at_s: object) -> str:
    """Local time of day, after the date."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_s)) if isinstance(at_s, float) else "-"
