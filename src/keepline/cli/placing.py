"""`keepline call place`: have the running node call a number, and tell what it came to."""

import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from keepline.cli import output
from keepline.cli.output import DEFAULT_DATA, CommandFailed, Data, complain
from keepline.cli.records import line_of

if TYPE_CHECKING:
    from keepline.call.inputs import PlaceCall
    from keepline.call.record import CallRecord

ASK_TIMEOUT_S = 5.0
ASK_AGAIN_FOR_S = 15.0
"""A switch-over takes less; asking again with the same id places the call once."""
POLL_S = 0.1
RING_S = 60.0
_BY_OUTCOME = {
    "busy": output.BUSY,
    "no_answer": output.NO_ANSWER,
    "refused": output.REFUSED,
    "cancelled": output.CANCELLED,
}


def place(
    number: Annotated[str, typer.Argument(metavar="NUMBER", help="Whom to call: +18005550100, 1000, reception.")],
    flow: Annotated[str, typer.Option(metavar="NAME", help="The flow that runs once it is answered.")],
    from_: Annotated[str, typer.Option("--from", metavar="N", help="Whom the callee sees; the trunk's number.")] = "",
    var: Annotated[
        list[str] | None, typer.Option("--var", metavar="k=v", help="What the flow reads as call.variables.")
    ] = None,
    trunk: Annotated[str, typer.Option(metavar="NAME", help="The trunk to use; the first that places calls.")] = "",
    ring: Annotated[float, typer.Option(metavar="S", help="How long it may ring.")] = RING_S,
    data: Data = DEFAULT_DATA,
    timeout: Annotated[
        float | None, typer.Option(metavar="S", min=0.0, show_default=False, help="How long to wait for its end.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait for the end of the call.")] = True,
    as_json: Annotated[bool, typer.Option("--json", help="The record as one JSON object.")] = False,
) -> None:
    """Have the running node call a number; the exit code says what came of it."""
    from keepline.call.inputs import PlaceCall

    call = f"{int(time.time() * 1000) & 0xFFFFFFFFFFF:011x}{secrets.randbelow(1 << 20):05x}"
    _ask(data, PlaceCall(number, flow, call, from_, variables_of(var or []), trunk, ring))
    if not wait:
        typer.echo(call)
        return
    record = _await_end(data, call, timeout)
    typer.echo(record.to_json() if as_json else line_of(record, whole_id=True))
    code = exit_code_of(record)
    if code != output.FINE:
        complain(_what_happened(record))
        raise typer.Exit(code)


def exit_code_of(record: "CallRecord") -> int:
    """What the command says of a call, in a number."""
    if record.state != "ended":
        return output.GOING_ON
    if record.answered_at is not None and record.outcome != "cancelled":
        return output.FLOW_FAILED if record.error or record.outcome == "failed" else output.FINE
    return _BY_OUTCOME.get(record.outcome, output.FAILED)


def _what_happened(record: "CallRecord") -> str:
    if record.state != "ended":
        return f"the call goes on; see: keepline call show {record.id}"
    if record.error:
        return f"the flow failed: {record.error.strip().splitlines()[-1]}"
    status = f" ({record.sip_status})" if record.sip_status else ""
    return f"{record.outcome.replace('_', ' ')}: {record.reason}{status}"


def variables_of(given: list[str]) -> tuple[tuple[str, str], ...]:
    """What `--var` gives, by name; raises `CommandFailed` for what is none."""
    pairs = [text.partition("=") for text in given]
    bad = next((name for name, equals, _ in pairs if not name or not equals), None)
    if bad is not None:
        raise CommandFailed(f"--var {bad}: write it as name=value", output.WRONG_INPUT)
    return tuple((name, value) for name, _, value in pairs)


def _ask(data: Path, wanted: "PlaceCall") -> None:
    """Have it placed, once, also where the call process dies meanwhile."""
    from keepline.node.control import NodeNotRunning, ask
    from keepline.node.placements import request_of

    give_up_s = time.monotonic() + ASK_AGAIN_FOR_S
    while True:
        try:
            reply = ask(data, request_of(wanted), ASK_TIMEOUT_S)
        except NodeNotRunning as error:
            if "did not answer" not in str(error) or time.monotonic() > give_up_s:
                raise CommandFailed(str(error), output.NO_NODE) from error
            continue
        if reply.get("ok"):
            return
        if not reply.get("again"):
            raise CommandFailed(str(reply.get("error", "the node refused")), output.WRONG_INPUT)
        if time.monotonic() > give_up_s:
            raise CommandFailed(f"the node cannot place calls: {reply.get('error')}", output.FAILED)
        time.sleep(POLL_S)


def _await_end(data: Path, call: str, timeout_s: float | None) -> "CallRecord":
    from keepline.node.reader import JournalReader

    reader = JournalReader(data)
    began_s = time.monotonic()
    record = None
    while record is None or record.state != "ended":
        try:
            record = reader.record(call)
        except KeyError:  # it is being written
            if time.monotonic() - began_s > ASK_TIMEOUT_S:
                raise CommandFailed(f"the call {call} is not in the journal; see the node's log") from None
        is_late = timeout_s is not None and time.monotonic() - began_s >= timeout_s
        if record is not None and (record.state == "ended" or is_late):
            break
        time.sleep(POLL_S)
    return record
