"""`keepline drill`: faults planted on purpose into a world of their own, what came of it, and what was never tried."""

import json
import os
import signal
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from keepline.cli.drill_production import run_in_production
from keepline.cli.drill_turns import History, clear, in_turn, kept_in, note_asked
from keepline.cli.output import DEFAULT_DATA, FAILED, WRONG_INPUT, CommandFailed, Data
from keepline.model.limits_drills import DRILL_ENDS_WITHIN_S, DRILLS_AT_ONCE_MAX

if TYPE_CHECKING:
    from keepline.drill.experiment import Drill
    from keepline.model.operation import Operation

POLL_S = 0.1
LANE = "KEEPLINE_DRILL_LANE"
"""Which of several beside each other this one is, for `--all`."""

drill = typer.Typer(
    help="Rehearse a failure, and know what was never rehearsed.", no_args_is_help=True, rich_markup_mode=None
)
Json = Annotated[bool, typer.Option("--json", help="JSON instead of lines.")]


@drill.command("list")
def list_(as_json: Json = False) -> None:
    """Print every drill there is: generated from the retailer's model, and written in its `drills` directory."""
    for each in _drills().values():
        if as_json:
            shown = {"name": each.name, "title": each.title, "path": each.path, "made_from": each.made_from}
            typer.echo(json.dumps(shown | {"blast_radius": each.blast_radius}))
        else:
            typer.echo(f"{each.name:<28} {each.path or '-':<24} {each.title}")


@drill.command("show")
def show(name: Annotated[str, typer.Argument(metavar="NAME", help="As `keepline drill list` has it.")]) -> None:
    """Print a drill as YAML, in the words of Chaos Toolkit."""
    from keepline.drill.experiment import written

    typer.echo(written(_one(name)), nl=False)


@drill.command("run")
def run(
    name: Annotated[str, typer.Argument(metavar="[NAME]", help="As `keepline drill list` has it, or a file.")] = "",
    as_json: Json = False,
    all_: Annotated[bool, typer.Option("--all", help="Every one there is, and a table of them.")] = False,
    at_once: Annotated[
        int, typer.Option(min=1, max=DRILLS_AT_ONCE_MAX, help="With --all: so many beside each other.")
    ] = 1,
    production: Annotated[
        bool, typer.Option("--production", help="Against the running node of --data, by marked test calls alone.")
    ] = False,
    data: Data = DEFAULT_DATA,
    yes: Annotated[str, typer.Option(metavar="NAME", help="With --production: the operation's name, unasked.")] = "",
    history: History = None,
) -> None:
    """Run one against a node, a back office and carriers of its own; Ctrl-C aborts it, and rolls back."""
    if bool(name) is all_:
        raise CommandFailed("either the NAME of a drill or --all; `keepline drill list` has their names", WRONG_INPUT)
    if production and all_:
        raise CommandFailed("an operation that serves callers is drilled by one drill at a time", WRONG_INPUT)
    kept, lane = kept_in(history, data), int(os.environ.get(LANE, "0"))
    chosen = None if all_ or production else _one(name)
    with in_turn(kept, lane):
        if production:
            run_in_production(name, data, yes, kept, as_json)
        elif chosen is None:
            from keepline.drill.catalogue import EVERY

            note_asked(data, "drill.run", EVERY)
            _run_all(as_json, at_once, kept)
        else:
            if not lane:
                note_asked(data, "drill.run", chosen.name)
            _run_one(chosen, kept, lane, as_json)


def _run_one(chosen: "Drill", kept: Path, lane: int, as_json: bool) -> NoReturn:
    from keepline.drill.history import against, before, forget, has_passed, read_runs
    from keepline.drill.running import DrillRun

    last = before(read_runs(kept), chosen.name)

    def say(line: str) -> None:
        if not as_json:
            typer.echo(f"{time.strftime('%H:%M:%S')}  {line}")

    say(f"{chosen.title}. Blast radius: {chosen.blast_radius}")
    made = DrillRun(chosen, kept, say, lane)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, made.abort)
    with tempfile.TemporaryDirectory(prefix="keepline-drill-", ignore_cleanup_errors=True) as scratch:
        journal = made.perform(Path(scratch))
    forget(kept)
    passed = has_passed(journal)
    compared = against(journal["card"], last) if journal["card"] else []
    if as_json:
        typer.echo(json.dumps(journal | {"passed": passed}))
    else:
        whys = (f"  why not: {each}" for each in journal.get("why", ()))
        for line in (*card_lines(journal), *(f"  against the last run: {each}" for each in compared), *whys):
            typer.echo(line)
        error = f": {journal['error']}" if "error" in journal else ""
        typer.echo("passed" if passed else f"NOT passed: {journal['status']}{error}")
    raise typer.Exit(0 if passed else FAILED)


@drill.command("abort")
def abort(data: Data = DEFAULT_DATA, history: History = None) -> None:
    """End the drill that runs, with its faults; also what one has left whose process was killed."""
    from keepline.drill.history import SUFFIX, all_running, is_running

    kept = kept_in(history, data)
    found = [noted for _, noted in all_running(kept)]
    under_way = [noted for noted in found if is_running(noted)]
    if not found:
        typer.echo("no drill runs")
        return
    note_asked(data, "drill.abort", str(found[0].get("file", "")).removesuffix(SUFFIX))
    for noted in under_way:
        os.kill(int(noted["pid"]), signal.SIGTERM)
    limit_s = time.monotonic() + DRILL_ENDS_WITHIN_S
    while still := [noted for noted in under_way if is_running(noted)]:
        if time.monotonic() > limit_s:
            raise CommandFailed(f"process {still[0]['pid']} does not end; its faults end by themselves", FAILED)
        time.sleep(POLL_S)
    clear(kept)
    typer.echo("aborted, and rolled back" if under_way else "nothing of it is left")


@drill.command("history")
def history_(as_json: Json = False, data: Data = DEFAULT_DATA, history: History = None) -> None:
    """Print every run, the newest last."""
    from keepline.drill.history import has_passed, read_runs

    for each in read_runs(kept_in(history, data)):
        if as_json:
            typer.echo(json.dumps(each))
            continue
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(float(each["start"])))
        verdict = "passed" if has_passed(each) else f"NOT passed ({each['status']})"
        typer.echo(f"{when}  {each['drill']:<28} {verdict}")


@drill.command("coverage")
def coverage(as_json: Json = False, data: Data = DEFAULT_DATA, history: History = None) -> None:
    """Print every path of the retailer's model, and when a drill of it was last passed; 30 days count."""
    from keepline.drill.generating import paths_of
    from keepline.drill.history import coverage as covered
    from keepline.drill.history import read_runs

    found = covered(paths_of(_operation()), _drills().values(), read_runs(kept_in(history, data)), time.time())
    for each in found:
        shown = {"path": each.path, "standing": each.standing, "drills": each.drills, "passed_at": each.passed_at}
        typer.echo(json.dumps(shown) if as_json else each.words())
    if not as_json:
        never = [each.path for each in found if each.standing in ("never", "no drill")]
        typer.echo(f"never drilled: {', '.join(never)}" if never else "every path was drilled")
    raise typer.Exit(0 if all(each.standing == "drilled" for each in found) else FAILED)


def card_lines(journal: dict[str, Any]) -> list[str]:
    """The score card of a run for a person; nothing where it has none."""
    card = journal["card"]
    if not card:
        return []
    from keepline.drill.all_of_them import back_words, detected_words

    evidence = f" ({card['evidence'][0]})" if card["detected"] else ""
    incidents = ", ".join(f"{each['id']} ({each['cause']})" for each in card.get("incidents", ()))
    return [
        f"  detected: {detected_words(card)}{evidence}",
        f"  rerouted: {card['rerouted']} of {card['to_people']['during_the_outage']} calls to people meanwhile",
        f"  calls: {card['calls']}, failed {card['failed_on_a_healthy_carrier']}, "
        f"cut off by a carrier {card['cut_off_by_the_carrier']}, kept by a carrier {card['never_reached_us']}",
        f"  customers: {card['customers']}, delayed {card['customers_who_called_again']}, lost {card['lost']}",
        f"  audio: {card['audio_faults']} calls with a fault, the longest gap {card['longest_gap_ms']:g} ms",
        f"  back: {back_words(card)}, by the recovery gate; incidents: {incidents or '-'}",
        f"  rollback verified: {'yes' if journal['rollback_verified'] else 'NO'}",
        f"  accounts: {card['comparison'].splitlines()[-1] if card['comparison'] else '-'}",
    ]


def _operation() -> "Operation":
    from keepline.config import load_operation
    from keepline.demo_retailer import retailer_path

    return load_operation(retailer_path() / "keepline.yaml")


def _drills() -> "dict[str, Drill]":
    from keepline.demo_retailer import retailer_path
    from keepline.drill.experiment import DrillError, read_drills
    from keepline.drill.generating import generated

    try:
        return generated(_operation()) | read_drills(retailer_path() / "drills")
    except DrillError as error:
        raise CommandFailed(str(error), WRONG_INPUT) from error


def _one(name: str) -> "Drill":
    from keepline.drill.experiment import DrillError, read_drill

    if name.endswith((".yaml", ".yml")):
        try:
            return read_drill(Path(name).read_text(encoding="utf-8"), Path(name).stem, name)
        except (DrillError, OSError) as error:
            raise CommandFailed(str(error), WRONG_INPUT) from error
    found = _drills().get(name)
    if found is None:
        raise CommandFailed(f"there is no drill {name!r}; `keepline drill list` has them", WRONG_INPUT)
    return found


def _run_all(as_json: bool, at_once: int, history: Path) -> None:
    from keepline.drill.all_of_them import AllDrills, detected_words, table_lines

    every = AllDrills(list(_drills()), history, at_once, LANE)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: every.abort())

    def told(journal: Any) -> None:
        if as_json:
            typer.echo(json.dumps(journal))
            return
        verdict, card = "passed" if journal["passed"] else f"NOT passed ({journal['status']})", journal["card"]
        noticed = f", detected {detected_words(card)}" if card else ""
        typer.echo(f"{time.strftime('%H:%M:%S')}  {journal['drill']}: {verdict}{noticed}")

    if not as_json:
        typer.echo(f"{len(every.names)} drills, {at_once} at once, within {every.seconds_max / 60:.0f} minutes at most")
    runs = every.run(told)
    if not as_json:
        for line in table_lines(runs):
            typer.echo(line)
    raise typer.Exit(0 if all(run["passed"] for run in runs) else FAILED)
