"""`keepline init`, `check`, `schema` and `up`: from nothing to an operation file, to a verdict, or to a node."""

import json
import os
import shlex
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer

from keepline.cli.needed import needed_operations
from keepline.cli.output import DEFAULT_DATA, WRONG_INPUT, CommandFailed, Data, complain
from keepline.model.errors import Mistake, OperationError
from keepline.model.operation import Operation

File = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        show_default=False,
        help="An operation file or its directory; ./keepline.yaml, or the operation keepline brings along.",
    ),
]


ASK_LIMIT_S = 5.0
UPGRADE_LIMIT_S = 90.0
"""More than the node's own limits for it, added up."""
FIXED_SETTINGS = {
    "sip": "sip.listen",
    "rtp": "media.rtp_ports",
    "http": "http.listen",
    "tcp": "sip.transports",
    "drain_limit_s": "node.drain_limit_s",
    "page": "status_page",
}
"""What the supervisor has once and for all, by its names."""


def init(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write it; need not exist.")],
) -> None:
    """Write a small operation that works at once."""
    from keepline.config.starter import FilesInTheWayError, write_starter

    try:
        written = write_starter(directory)
    except FilesInTheWayError as error:
        raise CommandFailed(
            f"nothing written: {error} would be overwritten; name another directory", WRONG_INPUT
        ) from None
    except NotADirectoryError:
        raise CommandFailed(f"nothing written: {directory} is not a directory; name another one", WRONG_INPUT) from None
    except OSError as error:
        raise CommandFailed(f"cannot write to {directory}: {error.strerror or error}") from error
    typer.echo(f"wrote {', '.join(map(str, written))}; next:")
    if directory.resolve() != Path.cwd():
        typer.echo(f"  cd {shlex.quote(str(directory))}")
    typer.echo("  keepline check\n  keepline up")


def check(
    file: File = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a mistake, a line each.")] = False,
) -> None:
    """Tell every mistake of an operation file and its flows at once."""
    from keepline.config import find_operation, load_operation
    from keepline.config.failover_checks import failover_warnings
    from keepline.config.witnesses import witness_warnings

    path = find_operation(file)
    try:
        operation = load_operation(path, lint=True)
    except OperationError as error:
        for mistake in error.mistakes:
            typer.echo(json.dumps(asdict(mistake), ensure_ascii=False) if as_json else str(mistake))
        raise typer.Exit(WRONG_INPUT) from None
    if as_json:
        return
    counts = {"number": len(operation.numbers), "flow": len(operation.flows), "prompt": len(operation.prompts)}
    for warning in (*failover_warnings(operation), *witness_warnings(operation)):
        complain(f"warning: {replace(warning, file=str(path))}")
    typer.echo(f"{path}: fine: " + ", ".join(f"{n} {noun}{'' if n == 1 else 's'}" for noun, n in counts.items()))


def schema() -> None:
    """Print the JSON Schema of operation files, for editors."""
    from keepline.config.json_schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


def up(
    file: File = None,
    sip: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where SIP listens; sip.listen.")] = "",
    rtp_ports: Annotated[str, typer.Option(metavar="A-B", help="The ports of audio; media.rtp_ports.")] = "",
    http: Annotated[str, typer.Option(metavar="HOST:PORT", help="Where the desk answers; http.listen.")] = "",
    data: Data = DEFAULT_DATA,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="a.b.c=value", help="Any setting of the file.")
    ] = None,
) -> None:
    """Run a node in the foreground; prints one line when it answers calls."""
    from keepline.node.head_start import begin

    given = _overrides(sip, rtp_ports, http, set_ or [])
    # It imports what answers calls while this process reads the operation.
    head_start = begin()
    try:
        arguments = ["--data", str(data.absolute()), *_prepared(file, data, given)]
        arguments += ["--head-start", head_start.text] if head_start is not None else []
        # The supervisor takes this process's place: a terminal, a shell or systemd signals it, and awaits it.
        os.execv(sys.executable, [sys.executable, "-m", "keepline.node.supervisor", *arguments])
    except BaseException:
        if head_start is not None:
            head_start.give_up()
        raise


def _overrides(sip: str, rtp_ports: str, http: str, set_: list[str]) -> list[tuple[str, str]]:
    """The settings that were given beside the file, each with the flag that it was given by."""
    flags = {
        "--sip": ("sip.listen", sip),
        "--rtp-ports": ("media.rtp_ports", rtp_ports),
        "--http": ("http.listen", http),
    }
    # Text, whatever YAML would make of its brackets.
    texts = {flag: f"'{value}'" if value.startswith("[") else value for flag, (_, value) in flags.items()}
    given = [(flag, f"{setting}={texts[flag]}") for flag, (setting, value) in flags.items() if value]
    return [("--set", each) for each in set_] + given


def _prepared(file: Path | None, data: Path, given: list[tuple[str, str]]) -> list[str]:
    """Check and store the operation; what the supervisor is told of it."""
    from keepline.config import find_operation, lint_operation, load_operation, store_operation
    from keepline.config.load import DEFAULT_FILE

    try:
        operation = load_operation(find_operation(file), [override for _, override in given])
    except OperationError as error:
        raise OperationError([_named(mistake, given) for mistake in error.mistakes]) from None
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)  # who called whom is nobody else's
        store_operation(operation, data, needed_operations)
    except OSError as error:
        raise _not_kept(data, error) from error
    for mistake in lint_operation(operation):
        complain(f"warning: {mistake}")
    if file is None and not Path(DEFAULT_FILE).is_file():
        _say_what_is_served(operation, DEFAULT_FILE)
    _say_first_link(data, operation)
    sys.stdout.flush()
    sys.stderr.flush()
    return ["--operation", operation.digest, "--settings", _settings(operation, data)]


def _say_what_is_served(operation: Operation, wanted: str) -> None:
    """Nobody wrote an operation here, so another one is served: to a person in words, to a log as an event of it."""
    numbers, here = ", ".join(operation.numbers), Path.cwd()
    make_one = "keepline init shop, then keepline up shop"
    if sys.stderr.isatty():
        complain(
            f"There is no {wanted} in {here}, so this node serves “{operation.name}”, which Keepline brings "
            f"along: dial {numbers}. For an operation of your own: {make_one}"
        )
        return
    import structlog

    from keepline.node.logs import set_up_logs

    set_up_logs("up")
    told = {"operation": operation.name, "numbers": numbers, "why": f"there is no {wanted} in {here}"}
    structlog.get_logger("up").warning("brought_along_operation_served", **told, for_your_own=make_one)


def _say_first_link(data: Path, operation: Operation) -> None:
    """Tell a terminal how the first account is made, where there is none; a log is no place for a secret.

    A disk that keeps no accounts stops no node.
    """
    if not sys.stderr.isatty():
        return
    from keepline.cli.people import first_link_line

    try:
        line = first_link_line(data, str(operation.http) if operation.http.port else "")
    except CommandFailed as failed:
        line = f"warning: {failed}"
    if line:
        complain(line)


def _not_kept(data: Path, error: OSError) -> CommandFailed:
    place = f" ({error.filename})" if error.filename and os.fspath(error.filename) != os.fspath(data) else ""
    return CommandFailed(
        f"cannot keep data in {data}: {error.strerror or error}{place}; --data names a directory that can be written to"
    )


def upgrade(
    file: File = None,
    data: Data = DEFAULT_DATA,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a.b.c=value", help="Any setting of the file; those that the node was given."),
    ] = None,
) -> None:
    """Give the running node another version of its operation, and of Keepline, while calls go on."""
    from keepline.config import find_operation, lint_operation, load_operation, load_stored, store_operation
    from keepline.node.control import NodeNotRunning, ask

    try:
        running = str(ask(data, {"op": "status"}, ASK_LIMIT_S).get("operation", ""))
        before = load_stored(data, running)
        operation = load_operation(find_operation(file), set_ if set_ is not None else before.overrides)
        wanted, present = json.loads(_settings(operation, data)), json.loads(_settings(before, data))
        fixed = [name for key, name in FIXED_SETTINGS.items() if wanted.get(key) != present.get(key)]
        if fixed:
            what = f"a running node keeps its {' and its '.join(fixed)}: stop it and start it anew"
            raise CommandFailed(what, WRONG_INPUT)
        store_operation(operation, data, needed_operations)
        for mistake in lint_operation(operation):
            complain(f"warning: {mistake}")
        answer = ask(data, {"op": "upgrade", "operation": operation.digest}, UPGRADE_LIMIT_S)
    except NodeNotRunning as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        raise _not_kept(data, error) from error
    if not answer.get("ok"):
        raise CommandFailed(f"not upgraded: {answer.get('error')}; the node goes on as it was")
    same = " (the same operation; its processes are new)" if operation.digest == before.digest else ""
    typer.echo(f"upgraded to {operation.digest}{same} in {answer.get('took_ms')} ms: new calls run it")


def _settings(operation: Operation, data: Path) -> str:
    """What the supervisor must know; it reads no operation itself, and so imports little."""
    return json.dumps(
        {
            "sip": [operation.sip.listen.host, operation.sip.listen.port],
            "rtp": [operation.media.rtp_port_first, operation.media.rtp_port_last],
            "http": [operation.http.host, operation.http.port],
            "tcp": "tcp" in operation.sip.transports,
            "drain_limit_s": operation.node.drain_limit_s,
        }
        | _page_settings(operation, data)
    )


def _page_settings(operation: Operation, data: Path) -> dict[str, object]:
    """The status page that the node has a process for; nothing where it has none."""
    from keepline.node.outlets import page_directory
    from keepline.node.paths import NodePaths

    page = operation.status_page
    if page is None or not page.listen_host:
        return {}
    host = f"[{page.listen_host}]" if ":" in page.listen_host else page.listen_host
    return {"page": [f"{host}:{page.listen_port}", str(page_directory(NodePaths(data.absolute()), page))]}


def _named(mistake: Mistake, given: list[tuple[str, str]]) -> Mistake:
    """A mistake in an override under the flag it was given by."""
    if mistake.file == "--set" and mistake.line <= len(given):
        return replace(mistake, file=given[mistake.line - 1][0])
    return mistake
