"""`keepline calls` and `keepline call show`: what the journal says, with or without a running node."""

import contextlib
import time
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli.output import DEFAULT_DATA, FAILED, WRONG_INPUT, CommandFailed, Data

if TYPE_CHECKING:
    from keepline.call.record import CallRecord
    from keepline.node.reader import JournalReader

RECORDS_ALL = 2**31 - 1
FOLLOW_POLL_S = 0.5
FOLLOW_WINDOW_RECORDS = 2_000
"""Newest records looked at in each round of --follow; older ones no longer change."""
FOLLOW_FIRST_RECORDS = 10


def calls(
    data: Data = DEFAULT_DATA,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Go on: a line whenever a record changes.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=0, metavar="N", show_default=False, help="The N newest calls; all of them.")
    ] = None,
) -> None:
    """Print one call record a line, the newest last."""
    from keepline.node.reader import JournalReader

    reader = JournalReader(data)
    if follow:
        with contextlib.suppress(KeyboardInterrupt):
            _follow(reader, as_json, FOLLOW_FIRST_RECORDS if limit is None else limit)
    elif limit != 0:
        for record in reader.records(RECORDS_ALL if limit is None else limit):
            typer.echo(record.to_json() if as_json else line_of(record))


def _follow(reader: "JournalReader", as_json: bool, first: int) -> None:
    seen: dict[str, str] = {}
    to_show = first
    while True:
        newest = {record.id: (record, record.to_json()) for record in reader.records(FOLLOW_WINDOW_RECORDS)}
        changed = [found for identifier, found in newest.items() if seen.get(identifier) != found[1]]
        for record, text in changed[max(0, len(changed) - to_show) :]:
            typer.echo(text if as_json else line_of(record))
        seen = {identifier: text for identifier, (_, text) in newest.items()}
        to_show = FOLLOW_WINDOW_RECORDS
        time.sleep(FOLLOW_POLL_S)


def show(
    call_id: Annotated[str, typer.Argument(metavar="ID", help="The call's id, or the beginning of it.")],
    data: Data = DEFAULT_DATA,
    sip: Annotated[bool, typer.Option("--sip", help="Its SIP ladder instead.")] = False,
    full: Annotated[bool, typer.Option("--full", help="With --sip: each message whole, not its first line.")] = False,
) -> None:
    """Print the timeline of one call."""
    from keepline.node.reader import JournalReader

    reader = JournalReader(data)
    found = reader.find(call_id)
    if not found:
        raise CommandFailed(f"no call has an id that begins with {call_id}", FAILED)
    if len(found) > 1:
        listed = " ".join(found[:10])
        raise CommandFailed(f"{len(found)} calls have an id that begins with {call_id}: {listed}", WRONG_INPUT)
    if sip:
        for line in reader.ladder(found[0]):
            typer.echo(f"{clock(line.at_s)}  {line.direction}  {_whole(line.text) if full else short(line.text)}")
        return
    record = reader.record(found[0])
    typer.echo(line_of(record, whole_id=True))
    began_s: float | None = None
    for event in reader.events(found[0]):
        began_s = event.at_s if began_s is None else began_s
        shown = {
            name: short(_last_line(value) if name == "error" else value)
            for name, value in event.fields.items()
            if name not in ("call", "at_s")
        }
        fields = "  ".join(f"{name}={value}" for name, value in shown.items() if value)
        typer.echo(f"{event.at_s - began_s:+10.3f} s  {event.kind:<24} {fields}".rstrip())
    if record.error:
        typer.echo("\n" + "\n".join(map(_printable, record.error.strip().splitlines())))


def _last_line(traceback: object) -> str:
    """What went wrong: the line of a traceback that says so."""
    return next(reversed(str(traceback or "").strip().splitlines()), "")


def _printable(line: str) -> str:
    """A line without what would move a terminal's cursor or change its colours: callers choose their names."""
    return "".join(sign if sign.isprintable() else "\ufffd" for sign in line)


def _whole(message: str) -> str:
    """A message of SIP below its own line, indented; what no terminal should be told is left out."""
    lines = message.encode("latin-1", "replace").decode(errors="replace").strip().splitlines()
    return "\n".join(_printable(f"    {line}") for line in lines).strip() + "\n"


def line_of(record: "CallRecord", *, whole_id: bool = False) -> str:
    """A record on one line for a person."""
    lasted = "" if not record.answered_at else f"{(record.ended_at or record.answered_at) - record.answered_at:.1f} s"
    parts = [
        clock(record.received_at),
        record.id if whole_id else record.id[:12],
        f"{record.from_ or '-'} -> {record.to or '-'}",
        record.flow or "-",
        record.state,
        lasted or "-",
        f"{record.ended_by or '-'} {record.sip_status or ''}".strip(),
        record.outcome or record.reason or "",
    ]
    return _printable("  ".join(parts).rstrip())


def short(value: object) -> str:
    """The first line of it, and no more than fits on one."""
    first, *rest = str("" if value is None else value).splitlines() or [""]
    first = _printable(first)
    return f"{first[:99]}…" if len(first) > 100 else f"{first} …" if any(map(str.strip, rest)) else first


def clock(at_s: float | None) -> str:
    """Local time of day with milliseconds, after the date."""
    if at_s is None:
        return "-"
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at_s)) + f".{int(at_s * 1000) % 1000:03d}"
