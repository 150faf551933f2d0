"""`make bench`: measure a whole node from outside; a table on the screen, JSON and Markdown in bench/results/.

make bench                                       everything, short: some minutes
make bench ARGS="--only switchover --kills 200 --concurrent 300 --rate 20"
make bench ARGS="--only 3000 --seconds 60 --first 1000"
make bench ARGS="--only records,soak --calls 10000"
make bench ARGS="--only deaths --kills 20 --concurrent 300 --rate 20"
make bench ARGS="--only deaths --kills 3 --concurrent 60 --rate 5"     a smoke run; --events and --mix choose some
make bench ARGS="--only noticing"    dead air, deaths, a full disk, five times each: a quarter of an hour
make bench ARGS="--only history --facts 10000000 --verify"
make bench ARGS="--only viewers"     50 who look, and the audio of 50 calls meanwhile: three minutes
make bench ARGS="--only noticing"    dead air, deaths, a full disk, five times each: a quarter of an hour
make bench ARGS="--only history --facts 1000 --runs 100000"     runs that wait for days

By themselves: `python -m bench.media_loop` (media alone).
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import (
    books,
    capacity,
    deaths,
    deaths_table,
    detection,
    history,
    inband,
    inbound_outage,
    noticing,
    outages,
    overload,
    records,
    simulation,
    soak,
    steps,
    switchover,
    viewers,
)
from bench.first_call import Start, timed_up
from bench.machine import SLOTS, Meter, a_node, describe, flat_pids
from keepline.config import embedded_operation_path
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode, NodeSettings
from tests.live.lossy_relay import Weather

RESULTS = Path(__file__).with_name("results")
IDLE_SECONDS = 10.0
PARTS = (
    *("idle", "history", "switchover", "deaths", "2000", "1000", "3000", "overload", "records", "soak", "steps"),
    *("keys", "sim", "detection", "noticing", "outages", "inbound", "viewers"),
)
PRESSES = 100
RECORDS_RATE = 100.0


def options() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__.partition("\n")[0] if __doc__ else "")
    add = parser.add_argument
    add("--only", default=",".join(PARTS), help=f"some of {', '.join(PARTS)}, {', '.join(switchover.SIEGES)}")
    add("--seconds", type=float, default=10.0, help="how long each step of load lasts")
    add("--times", type=int, default=1, help="how often each step must be good")
    add("--first", type=int, default=0, help="leave out steps below this load")
    add("--last", type=int, default=10**6, help="leave out steps above this load")
    add("--kills", type=int, default=10, help="kills of each kind")
    add("--concurrent", type=int, default=100, help="calls while processes are killed")
    add("--rate", type=float, default=10.0, help="new calls a second meanwhile")
    add("--events", default=",".join(deaths.EVENTS), help="what happens in `deaths`: some of these, with commas")
    add("--mix", default="", help="who calls in `deaths`: KIND:SHARE,…; all kinds alike where it says nothing")
    add("--tcp-share", type=float, default=0.2, help="share of the callers of `deaths` that come by TCP")
    add("--calls", type=int, default=1000, help="calls of `records` and of `soak`")
    add("--starts", type=int, default=5, help="starts of `idle` and of `history`")
    add("--facts", type=int, default=200_000, help="facts of calls that ended, in the journal of `history`")
    add("--runs", type=int, default=0, help="runs that wait in the journal of `history`")
    add("--drills", default=",".join(noticing.DRILLS), help="whose faults are planted in `noticing`: some of these")
    add("--plants", type=int, default=5, help="how often each fault of `noticing` is planted")
    add("--verify", action="store_true", help="verify the journal of `history` in the end")
    add("--faults", default=",".join(outages.EVENTS), help="what befalls a carrier in `outages`: some of these")
    add("--peers", default=",".join(outages.PEERS), help="what is measured beside it in `outages`; empty for nothing")
    add("--far", action="store_true", help="carriers of `outages` are 40 ms away and the way loses one message of 200")
    add("--results", type=Path, default=RESULTS, help="where the results go")
    return parser


def idle(times: int) -> dict[str, Any]:
    """How soon the first call is answered, of so many starts, and what a node costs when nobody calls."""
    starts = [_start() for _ in range(times)]
    with a_node() as node:
        with Crowd(node.uri("2000"), ["--calls", "1", "--hang-up-after", "0.1"]) as crowd:
            summary = crowd.wait(60)
        wait_quiet(node)
        meter = Meter(flat_pids(node.glance()["processes"]))
        time.sleep(IDLE_SECONDS)
        cpu, memory = meter.cpu(), meter.memory_bytes()
    answer_ms = summary["answer_ms"]["max"] or float("nan")
    return {"starts": [asdict(each) for each in starts], "ready_s": median(each.ready_s for each in starts),
            "first_answer_s": median(each.answered_s for each in starts),
            "start_cpu_s": median(each.cpu_s for each in starts), "answer_ms": answer_ms, "cpu": cpu,
            "memory_mb": round(memory / 1e6, 1)}  # fmt: skip


def _start() -> Start:
    with tempfile.TemporaryDirectory(prefix="keepline-bench-") as directory:
        node = LocalNode(NodeSettings(embedded_operation_path(), Path(directory) / "data", SLOTS))
        try:
            found = timed_up(node)
            node.stop()
            node.wait_gone()
        finally:
            node.end()
    return found


def wait_quiet(node: LocalNode) -> None:
    """Until every prompt is spoken and the processes have come to rest, at most as long as they may take to start."""
    node.prompts()
    for _ in range(20):
        meter = Meter(flat_pids(node.glance()["processes"]))
        time.sleep(0.5)
        if meter.cpu()["all"] < 0.05:
            return


def measure(args: argparse.Namespace, console: Console) -> dict[str, Any]:
    """Everything that was asked for."""
    wanted = args.only.split(",")

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    bounds = range(args.first, args.last + 1)
    results: dict[str, Any] = {}
    if "idle" in wanted:
        say("idle")
        results["idle"] = idle(args.starts)
    if "history" in wanted:
        say("history")
        results["history"] = history.measure(args.facts, args.starts, say, args.verify, args.runs)
    for name in switchover.SIEGES:
        if name in wanted or "switchover" in wanted:
            say(name)
            results[name] = switchover.measure(name, args.kills, args.concurrent, args.rate, say)
    if "deaths" in wanted:
        results["deaths"] = deaths.measure(args, say)
    for name in ("2000", "1000", "3000"):
        if name in wanted:
            say(f"{name}, one core")
            results[name] = capacity.measure(name, args.seconds, say, bounds, args.times)
    if "overload" in wanted:
        say("overload, one core")
        results["overload"] = overload.measure(args.seconds, say, args.first)
    if "records" in wanted:
        say("records")
        results["records"] = compare_records(args.calls, say)
    if "soak" in wanted:
        say("soak")
        results["soak"] = soak.measure(args.calls, say)
    if "steps" in wanted:
        say("steps")
        results["steps"] = steps.measure(say)
    if "keys" in wanted:
        say("keys that are tones")
        results["keys"] = inband.measure(PRESSES)
    if "sim" in wanted:
        say("sim, one core")
        results["sim"] = simulation.measure(say)
    if "detection" in wanted:
        say("detection, in virtual time")
        results["detection"] = detection.measure(say)
    if "noticing" in wanted:
        say("what a node notices, on real sockets")
        results["noticing"] = noticing.measure(args.drills.split(","), args.plants, say)
    if "viewers" in wanted:
        say("viewers of the board")
        results["viewers"] = viewers.measure(say)
    if "outages" in wanted:
        say("outages")
        peers = args.peers.split(",") if args.peers else []
        results["outages"] = outages.measure(args.faults.split(","), peers, args.far, say)
    if "inbound" in wanted:
        say("a number's carrier dies")
        results["inbound"] = inbound_outage.measure(say)
    return results


def compare_records(calls: int, say: Callable[[str], None]) -> dict[str, Any]:
    """Records against callers, and a line for each kind of call."""
    found = records.measure(calls, RECORDS_RATE, Weather(), calls, say)
    table = [[kind, outcome, count] for (kind, outcome), count in sorted(found.outcomes.items())]
    for kind, outcome, count in table:
        say(f"  {kind}: {outcome} {count}")
    return {"sent": found.sent, "reached": found.reached, "recorded": found.recorded, "unheard": found.unheard,
            "shed": found.shed, "wrong": found.wrong[:50], "lost": len(found.wrong), "outcomes": table,
            "network": dict(found.network)}  # fmt: skip


def rows(results: dict[str, Any]) -> list[tuple[str, str]]:
    """The results as lines of a table."""
    found = []
    if "idle" in results:
        it = results["idle"]
        found += [
            (
                f"`up` to ready; to the first call's 200 (median of {len(it['starts'])} starts)",
                f"{it['ready_s']} s; {it['first_answer_s']} s; {it['start_cpu_s']} s of processor",
            ),
            ("idle node", f"{it['cpu']['all']:.1%} of a core, {it['memory_mb']} MB"),
        ]
    if "history" in results:
        it = results["history"]
        answered_s, cpu_s = (round(median(each[what] for each in it["starts"]), 2) for what in ("answered_s", "cpu_s"))
        found.append((
            f"`up` to the first call's 200, {it['facts']:,} facts of ended calls ({it['bytes'] / 1e9:.1f} GB)",
            f"{answered_s} s; {cpu_s} s of processor; after kill -9 {median(it['successor_ms']):.0f} ms"
            + (f"; with {it['runs']:,} runs that wait, {median(it['active_mb'])} MB" if it["runs"] else ""),
        ))  # fmt: skip
    for name in switchover.SIEGES:
        if name in results:
            it = results[name]
            found.append((
                f"{name.replace('-', ' ')} {it['kills']} times, {it['calls']} calls, {it['peak']} at once",
                f"{it['lost']} lost; longest gap {it['gap_ms_max']} ms (p99 {it['gap_ms_p99']}); "
                f"next INVITE answered p99 {it['next_invite_ms_p99']} ms",
            ))  # fmt: skip
    found += deaths_table.rows(results.get("deaths", {}))
    units = {"2000": "calls/s", "1000": "concurrent calls", "3000": "steady calls"}
    for name, unit in units.items():
        if name in results:
            found.append((f"{name}, node on one core", f"{results[name]['best']} {unit}; {_best(results[name])}"))
            found.append((f"its records, all loads of {name}", books.words(results[name]["books"])))
    return found + _proofs(results)


def _proofs(results: dict[str, Any]) -> list[tuple[str, str]]:
    found = []
    if "overload" in results:
        it = results["overload"]
        words = f"{it['at_twice']} calls/s, {it['share']:.0%} of the peak of {it['peak']}"
        if it.get("served_cpu_ms"):
            words += f"; processor time: {it['served_cpu_ms']} ms a call served, {it['refused_cpu_us']} us one refused"
        found.append((f"twice the limit of 2000 ({2 * it['load']} calls/s offered)", words))
    if "records" in results:
        it = results["records"]
        lost, arrived = (sum(it["network"].get(f"{way}.{what}", 0) for way in ("to_node", "to_caller"))
                         for what in ("lost", "arrived"))  # fmt: skip
        found.append((
            f"records against callers, {lost / max(1, arrived):.0%} of packets lost",
            f"{it['sent']} calls sent, {it['reached']} reached the node, {it['recorded']} records, {it['shed']} shed "
            f"without one, {it['unheard']} callers heard no answer, {it['lost']} wrong",
        ))  # fmt: skip
    if "soak" in results:
        it = results["soak"]
        found.append((f"{it['calls']} calls in a row", "; ".join(it["grown"]) or "memory and descriptors flat"))
    if "steps" in results:
        it = results["steps"]
        synced = f"each synced; the disk flushes {it['fdatasync_per_s']} times a second"
        found += [(f"{width} flows at once, {synced}", steps.words(it[str(width)])) for width in steps.WIDTHS]
    if "keys" in results:
        found += inband.rows(results["keys"])
    if "detection" in results:
        found += detection.rows(results["detection"])
    if "noticing" in results:
        found += noticing.rows(results["noticing"])
    if "viewers" in results:
        found += viewers.rows(results["viewers"])
    out = results.get("outages", {})
    found += [(f"a carrier fails: {name}", outages.Outage(**each).words()) for name, each in out.items()]
    moved = results.get("inbound", {})
    found += [
        (f"a number's carrier dies, and its portal {name}", inbound_outage.Inbound(**each).words())
        for name, each in moved.items()
    ]
    for kind, per_s in results.get("sim", {}).items():
        found.append((f"simulated calls, {kind}", f"{per_s} a CPU-second"))
    return found


def _best(result: dict[str, Any]) -> str:
    good = [step for step in result["steps"] if not step["short"] and step["load"] <= result["best"]]
    if not good:
        return "; ".join(result["steps"][-1]["short"]) if result["steps"] else "nothing measured"
    step = good[-1]
    each = step.get("cpu_ms_per_call")
    cost = f" ({each['all']:.2f} ms a call)" if each else ""
    text = f"node {step['cpu']['all']:.0%} of its core{cost}, INVITE to 200 p99 {step['answer_ms']['p99']} ms"
    if step["packets"]:
        text += (
            f", gap p99.9 {step['gap_ms']['p99.9']} ms, max {step['gap_ms']['max']} ms, {step['kb_per_call']} kB a call"
        )
    if result["steps"][-1]["short"]:
        text += f"; beyond: {result['steps'][-1]['load']} ({'; '.join(result['steps'][-1]['short'])})"
    return text


def markdown(report: dict[str, Any]) -> str:
    """The table and the machine, for a person."""
    machine = "; ".join(f"{name} {value}" for name, value in report["machine"].items())
    lines = [f"# {report['measured_at']}", "", machine, ""]
    died = report["results"].get("deaths", {})
    others = rows({name: found for name, found in report["results"].items() if name != "deaths"})
    lines += (
        ["| what | measured |", "|---|---|", *(f"| {what} | {value} |" for what, value in others), ""] if others else []
    )
    return "\n".join([*lines, *deaths_table.table(died), *deaths_table.histograms(died)]) + "\n"


def main() -> int:
    """Measure, show, keep; 1 when a call was lost to a death."""
    args = options().parse_args()
    console = Console()
    args.results.mkdir(parents=True, exist_ok=True)
    measured_at = datetime.now(UTC).strftime("%Y-%m-%d %H:%M")
    report: dict[str, Any] = {
        "measured_at": measured_at,
        "machine": describe(args.results),
        "arguments": vars(args) | {"results": ""},
    }
    report["results"] = measure(args, console)
    table = Table(title="keepline, measured from outside")
    table.add_column("what")
    table.add_column("measured")
    for row in rows(report["results"]):
        table.add_row(*row)
    console.print(table)
    stem = args.results / measured_at.replace(" ", "-").replace(":", "")
    stem.with_suffix(".json").write_text(json.dumps(report, indent=1) + "\n")
    stem.with_suffix(".md").write_text(markdown(report))
    console.print(f"kept in {stem}.json and .md", highlight=False)
    lost = sum(result.get("lost", 0) for result in report["results"].values())
    return 1 if lost else 0
