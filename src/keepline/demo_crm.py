"""`keepline demo --crm`: the CRM is silent for a minute and a half under real calls, and then the same without that.

A node is started as anybody would start it, with the retailer's back office and its callers, the same both times by
their seed. Nothing is scripted but the fault, which is planted into the back office and ends by itself, and one
`kill -9` in the midst of it. The gateways of payments stay up: they are somebody else's.
"""

import contextlib
import json
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from keepline.config import load_operation
from keepline.demo_crm_tally import CrmAccounts, card_of, lines_of, steady_state
from keepline.demo_crowd import Crowd
from keepline.demo_node import LocalNode, NodeFailedError, NodeSettings, wait_until
from keepline.demo_outage_side import put_first
from keepline.demo_retailer import NUMBER, BackOffice, all_ended, compared, office_overrides, retailer_path
from keepline.model.capability import Snapshot

OUTAGE_S = 90.0
AROUND_S_MIN, AROUND_S_MAX = 8.0, 15.0
"""Of traffic before the outage, and after it: a sixth of that."""
CALLS_PER_S = 20.0
SLOTS = 1_000
DRAIN_S = 90.0
LOOK_EVERY_S = 0.25
SAY_EVERY_S = 5.0
COPY_EVERY_S = 4.0
EMPTY_WITHIN_S = 150.0
READY_WITHIN_S = 60.0
BOOKED_AHEAD = 150
OFFICE = ("--quiet", "--orders", "3000", "--invoices", "3000", "--crews", "4")
CRM_ROUTES = ("* /orders*", "* /slots*", "* /appointments*", "* /invoices*", "* /leads*", "* /messages*", "* /export*")
"""All of the back office but its gateways."""
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CrmPlan:
    """How long, how many, and who."""

    outage_s: float = OUTAGE_S
    calls_per_s: float = CALLS_PER_S
    seed: int = 1
    compares: bool = True

    @property
    def around_s(self) -> float:
        """Of traffic before the outage, and after it."""
        return min(max(AROUND_S_MIN, self.outage_s / 6), AROUND_S_MAX)


def run_crm(plan: CrmPlan, as_json: bool, ends_on_signals: Callable[[], Any]) -> int:
    """Play it and return 0 if the steady state held, else 1; Ctrl-C ends it early, with all its processes."""
    say: Say = (lambda _line: None) if as_json else (lambda line: print(line, flush=True))
    cards: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="keepline-demo-") as directory, ends_on_signals():
        try:
            for has_outage in (True, False) if plan.compares else (True,):
                place = Path(directory) / ("with" if has_outage else "without")
                place.mkdir()
                say(f"{'With the outage' if has_outage else 'The same without it'}: starting a node…")
                with contextlib.ExitStack() as stack:
                    cards.append(card_of(_play(plan, place, stack, say, has_outage=has_outage)))
        except KeyboardInterrupt:
            print("keepline demo: ended early, so there is no score card", file=sys.stderr)
            return 1
        except NodeFailedError as failure:
            print(f"keepline demo: {failure}", file=sys.stderr)
            return 1
    calm = cards[1] if plan.compares else None
    held = steady_state(cards[0], calm)
    if as_json:
        told = {"outage_s": plan.outage_s, "calls_per_s": plan.calls_per_s, "seed": plan.seed}
        print(json.dumps(told | {"held": all(held.values()), "steady_state": held, "with": cards[0], "without": calm}))
    else:
        say("\n" + "\n".join(lines_of(cards[0], calm)))
    return 0 if all(held.values()) else 1


def _play(plan: CrmPlan, place: Path, stack: contextlib.ExitStack, say: Say, *, has_outage: bool) -> CrmAccounts:
    office = BackOffice(place, *OFFICE)
    stack.callback(office.end)
    office.start()
    operation = retailer_path() / "keepline.yaml"
    extra = [*office_overrides(operation, office.address), *_copied_often(operation)]
    node = stack.enter_context(LocalNode(NodeSettings(operation, place / "data", SLOTS, extra=extra)))
    wait_until("there are copies", lambda: _has_copies(node), READY_WITHIN_S)
    crowd = stack.enter_context(_crowd(plan, place, node, office))
    killed_at = _besiege(plan, node, office, crowd, say, has_outage=has_outage)
    if has_outage:
        wait_until("all that was promised is made", lambda: not _kept(node), EMPTY_WITHIN_S)
    with contextlib.suppress(NodeFailedError):
        wait_until("every call has ended", lambda: all_ended(node.calls()), READY_WITHIN_S)
    told, records = crowd.reports, node.calls()
    agreed, words = compared(place, {"told": told, "records": records}, office.address, settled=True)
    kept = len(_kept(node))
    node.stop()
    return CrmAccounts(told, records, kept, agreed, words, killed_at)


def _crowd(plan: CrmPlan, place: Path, node: LocalNode, office: BackOffice) -> Crowd:
    prompts = place / "prompts.json"
    prompts.write_text(json.dumps({name: str(path) for name, path in node.prompts().items()}), encoding="utf-8")
    world = retailer_path() / "world"
    options = [
        "--rate", str(plan.calls_per_s), "--seed", str(plan.seed), "--backoffice", office.address,
        "--book-ahead", str(BOOKED_AHEAD), "--prompts", str(prompts), "--drain", str(DRAIN_S), "--events",
        "--rtp", "light", "--personas", str(world / "personas_crm.txt"),
    ]  # fmt: skip
    crowd = Crowd(node.uri(NUMBER), options, program=(str(world), "crowd"), apart=True)
    put_first(crowd.process.pid)
    return crowd


def _besiege(plan: CrmPlan, node: LocalNode, office: BackOffice, crowd: Crowd, say: Say, *, has_outage: bool) -> float:
    """From the first call to the last; when the process that has the calls was killed, 0 where it was not."""
    begun = next_words = time.monotonic()
    killed_at, is_planted, is_over = 0.0, False, False
    fault_s, over_s = plan.around_s, plan.outage_s + 2 * plan.around_s
    live = 0
    for line in crowd.told(LOOK_EVERY_S):
        now_s = time.monotonic() - begun
        if line is not None and line["event"] == "live":
            live = len(line["calls"])
        if has_outage and not is_planted and now_s >= fault_s:
            is_planted = True
            for route in CRM_ROUTES:
                _plant(office, route, plan.outage_s)
            say(f"{now_s:6.1f} s  the CRM is silent: it takes every request, and answers none, for {plan.outage_s:g} s")
        if has_outage and not killed_at and now_s >= fault_s + plan.outage_s / 2:
            killed_at = time.time()
            say(f"{now_s:6.1f} s  kill -9 {node.kill('active')}: the process that has the calls, too")
        if not is_over and now_s >= over_s:
            is_over = True
            crowd.finish()
            say(f"{now_s:6.1f} s  no new callers; who is on the phone hears the rest")
        if now_s >= next_words - begun:
            next_words = begun + now_s + SAY_EVERY_S
            say(f"{now_s:6.1f} s  {live} on the phone, {len(crowd.reports)} calls are over")
        if now_s > over_s + DRAIN_S + READY_WITHIN_S:
            raise NodeFailedError("some calls did not end")
    return killed_at


def _plant(office: BackOffice, route: str, seconds: float) -> None:
    """Have the back office say nothing to such requests for so long; it ends that by itself."""
    fault = json.dumps({"route": route, "kind": "silent", "expires_s": seconds}).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(f"http://{office.address}/admin/faults", fault, headers)
    urllib.request.urlopen(request, timeout=READY_WITHIN_S).close()


def _copied_often(operation: Path) -> list[str]:
    """Hours are shortened to a minute and a half, so is the time from one copy to the next."""
    return [
        word
        for name, capability in load_operation(operation).capabilities.items()
        for index, path in enumerate(capability.paths)
        if isinstance(path.connector, Snapshot)
        for word in ("--set", f"capabilities.{name}.paths.{index}.snapshot.every_s={COPY_EVERY_S:g}")
    ]


def _has_copies(node: LocalNode) -> bool:
    copies = node.glance()["copies"]
    return bool(copies) and all(each["age_s"] is not None for each in copies.values())


def _kept(node: LocalNode) -> list[str]:
    """What the outbox has, a line each."""
    return [line for line in node.command("outbox", "--json").stdout.splitlines() if line.strip()]
