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
    minutes: Annotated[
        float | None,
        typer.Option(min=0.1, max=600.0, metavar="N", show_default=False, help="How long the carrier is dead (0.6)."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Who calls, and what they want.")] = 1,
    compare: Annotated[
        bool, typer.Option("--compare/--no-compare", help="Play an operation with that carrier alone beside it.")
    ] = True,
    by_hand: Annotated[
        bool, typer.Option("--by-hand", help="The carrier dies when you say so, on a page that it tells you of.")
    ] = False,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="a.b.c=value", help="Any setting of the operation that has two carriers."),
    ] = None,
    kills: Annotated[
        bool, typer.Option("--kills", help="Instead, kill the call process every 10 s before your eyes.")
    ] = False,
    seconds: Annotated[
        float | None,
        typer.Option(min=1.0, metavar="N", show_default=False, help="With --kills: no new calls after so long (60)."),
    ] = None,
    crm: Annotated[
        bool, typer.Option("--crm", help="Instead, the CRM is silent for 1.5 minutes under 20 calls a second.")
    ] = False,
    rate: Annotated[float, typer.Option(min=0.1, max=100.0, metavar="N", help="With --crm: calls a second.")] = 20.0,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object at the end instead of a table.")] = False,
    operation: Annotated[
        DemoOperation, typer.Option(help="With --kills: the retailer, or what the benchmarks call.")
    ] = DemoOperation.RETAILER,
) -> None:
    """A carrier dies at peak traffic, and comes back: what callers experience, and a score card."""
    from keepline.demo import ends_on_signals, run_demo

    if kills:
        raise typer.Exit(run_demo(seconds, as_json, operation.value))
    if crm:
        from keepline.demo_crm import OUTAGE_S as CRM_S
        from keepline.demo_crm import CrmPlan, run_crm

        crm_plan = CrmPlan(CRM_S if minutes is None else minutes * 60, rate, seed, compare)
        raise typer.Exit(run_crm(crm_plan, as_json, ends_on_signals))
    from keepline.demo_outage import OUTAGE_S, OutagePlan, run_outage

    outage_s = OUTAGE_S if minutes is None else minutes * 60
    plan = OutagePlan(outage_s, seed=seed, compares=compare, by_hand=by_hand, settings=tuple(set_ or ()))
    raise typer.Exit(run_outage(plan, as_json, ends_on_signals))
