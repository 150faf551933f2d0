"""Dozens of the crash matrix live: callers pay while the gateway misbehaves and the call process is killed repeatedly.

After it: each caller was charged once, by one key, whoever was told so has paid, and what was in doubt is certain.
"""

import json
from pathlib import Path

from bench.killing import complete
from keepline.demo_node import wait_until
from tests.live.test_retailer import PAYING, WITHIN_S, Retailer

CALLERS = 12
KILLS = 8
FAULTS = ({"kind": "lost"}, {"kind": "late", "ms": 3_000}, {"kind": "twice"})


def test_whoever_pays_while_everything_goes_wrong_is_charged_once(tmp_path: Path) -> None:
    with Retailer(tmp_path) as retailer:
        for fault in FAULTS:
            more = {"route": "POST /gateways/*/payments", "share": 0.4, "expires_s": 600}
            retailer.ask("/admin/faults", fault | more)
        options = ("--calls", str(CALLERS), "--concurrent", str(CALLERS), "--seed", "3")
        crowd = retailer.crowd(*options, personas=PAYING)
        wait_until("somebody pays", lambda: asked_to_pay(retailer), WITHIN_S)
        for _ in range(KILLS):
            killed = retailer.node.kill("active")
            wait_until("it is replaced", lambda k=killed: complete(retailer.node, [k]), WITHIN_S)
            if crowd.process.poll() is not None:
                break
        told = crowd.told()
        assert len(told) == CALLERS
        assert [one["faults"] for one in told] == [[]] * CALLERS
        wait_until("no doubt is left", lambda: "pending" not in {each["state"] for each in work(retailer)}, WITHIN_S)
        assert [each for each in work(retailer) if each["state"] == "open"] == []
        records = {record["sip_call_id"]: record for record in crowd.records()}
        ledger = retailer.ask("/admin/ledger")
        assert retailer.disagreements(told) == ""
        for one in told:
            record = records[one["call_id"]]
            keys = [key for key in ledger["keys"] if key["key"].startswith(record["id"]) and "charges" in key["scope"]]
            assert one["believes"] == (["paid"] if record["outcome"] == "paid" else ["pending"])
            last = [step["result"] for step in record["steps"] if step["name"] == "use payments.charge"][-1]
            assert last in ("done", "resolved: done"), last
            assert [(key["done"], key["undone"]) for key in keys] == [(1, 0)], (one, record)
        assert retailer.node.command("verify", check=False).returncode == 0


def asked_to_pay(retailer: Retailer) -> bool:
    """Some charge is under way, or was."""
    return any("charges" in key["scope"] for key in retailer.ask("/admin/ledger")["keys"])


def work(retailer: Retailer) -> list[dict[str, object]]:
    return [json.loads(line) for line in retailer.node.command("work", "--json").stdout.splitlines()]
