"""The retailer as it runs: a node, callers over real SIP, and a back office that misbehaves or dies."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepline.demo_node import LocalNode, NodeSettings, wait_until
from keepline.demo_retailer import NUMBER, BackOffice, office_overrides, retailer_path

WORLD = retailer_path() / "world"
WITHIN_S = 150.0
PATIENT = """
persona patient
  hear menu
  press 1
  hear ask_order
  press {order}
  hear order_status
  believe order_status
  listen
"""
PAYING = """
persona paying
  hear menu
  press 3
  hear ask_invoice
  press {invoice}
  hear amount_due
  press 1
  hear ask_card
  press {card}
  hear ask_expiry
  press {expiry}
  hear ask_cvv
  press {cvv}
  hear confirm_charge
  press 1
  hear receipt -> paid, payment_pending -> pending within 60
  label paid
  believe paid
  listen
  label pending
  believe pending
  listen
"""


class Retailer:
    """The retailer's node and its back office."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.office = BackOffice(directory, "--quiet")
        try:
            self.office.start()
        except BaseException:
            self.office.end()
            raise
        operation = retailer_path() / "keepline.yaml"
        extra = office_overrides(operation, self.office.address)
        self.node = LocalNode(NodeSettings(operation, directory / "data", slots=20, extra=extra))

    def __enter__(self) -> "Retailer":
        try:
            self.node.up()
            self.prompts = self.directory / "prompts.json"
            self.prompts.write_text(json.dumps({name: str(path) for name, path in self.node.prompts().items()}))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        print(f"--- stderr of the node\n{self.node.stderr()}")
        self.node.end()
        self.office.end()

    def crowd(self, *options: str, personas: str = "") -> "Crowd":
        """Callers who begin now."""
        if personas:
            file = self.directory / "personas.txt"
            file.write_text(personas, encoding="utf-8")
            options = (*options, "--personas", str(file))
        return Crowd(self, *options)

    def ask(self, path: str, body: Any = None) -> Any:
        """The back office, as its own staff."""
        import urllib.request

        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"http://{self.office.address}{path}", data, headers)
        with urllib.request.urlopen(request, timeout=WITHIN_S) as answer:
            return json.load(answer)

    def paths(self) -> list[dict[str, Any]]:
        """How the node's paths are."""
        return [json.loads(line) for line in self.node.command("paths", "--json").stdout.splitlines()]

    def mend(self) -> None:
        """End every fault."""
        import urllib.request

        request = urllib.request.Request(f"http://{self.office.address}/admin/faults", method="DELETE")
        urllib.request.urlopen(request, timeout=WITHIN_S).close()

    def disagreements(self, told: list[dict[str, Any]]) -> str:
        """What `world compare` prints where it finds something, of this node's whole life."""
        files = {"told": told, "records": self.node.calls(), "ledger": [self.ask("/admin/ledger")]}
        options = []
        for name, lines in files.items():
            file = self.directory / f"{name}.jsonl"
            file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
            options += [f"--{name}", str(file)]
        command = [sys.executable, str(WORLD), "compare", *options]
        compared = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, check=False)
        return "" if compared.returncode == 0 else compared.stdout + compared.stderr


class Crowd:
    """Callers of the world, and what they experienced."""

    def __init__(self, retailer: Retailer, *options: str) -> None:
        self.retailer = retailer
        self.before = {call["id"] for call in retailer.node.calls()}
        served = retailer.office.process
        lives = served is not None and served.poll() is None
        office = ["--backoffice", retailer.office.address] if lives else []
        self.process = subprocess.Popen(
            [sys.executable, str(WORLD), "crowd", "--target", retailer.node.uri(NUMBER), *office,
             "--prompts", str(retailer.prompts), *options],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def records(self) -> list[dict[str, Any]]:
        """Of the calls since."""
        return [call for call in self.retailer.node.calls() if call["id"] not in self.before]

    def told(self) -> list[dict[str, Any]]:
        """What each experienced, once all are through and their records complete."""
        out, err = self.process.communicate(timeout=WITHIN_S)
        told = [json.loads(line) for line in out.splitlines()]
        assert told, err
        wait_until("the records are complete", lambda: all(one["state"] == "ended" for one in self.records()), WITHIN_S)
        return [one for one in told if one["event"] == "experience"]


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Retailer]:
    """A retailer that the tests of this module share; what they break of the back office is mended again."""
    with Retailer(tmp_path_factory.mktemp("retailer")) as found:
        yield found


@pytest.fixture
def retailer(calm: Retailer) -> Iterator[Retailer]:
    yield calm
    calm.mend()


def heard(told: dict[str, Any]) -> list[str]:
    """The prompts that a caller heard to their ends, in order."""
    return [what.removeprefix("heard ") for _, what in told["diary"] if what.startswith("heard ")]


def uses(record: dict[str, Any]) -> dict[str, str]:
    return {step["name"]: step["result"] for step in record["steps"] if step["name"].startswith("use ")}


def test_two_callers_race_for_one_slot(retailer: Retailer) -> None:
    crowd = retailer.crowd("--calls", "2", "--concurrent", "2", "--mix", "book")
    told = crowd.told()
    assert [one["how"] for one in told] == ["done", "done"]
    assert sorted(one["believes"] for one in told) == [["booked"], ["slot_taken", "booked"]]
    first, second = sorted(record["outcome_fields"]["slot"] for record in crowd.records())
    assert first < second
    booked = {slot["slot"]: slot["booked"] for slot in retailer.ask("/admin/ledger")["slots"]}
    assert (booked[first], booked[second]) == (1, 1)
    slots = retailer.ask("/slots?limit=500&free=false")["slots"]
    places = [place for place, slot in enumerate(slots) if slot["id"] in (first, second)]
    assert places[1] == places[0] + 1, "the next free one was given"


FAULTS = (
    ("100001", "silent", {}),
    ("100002", "slow", {"ms": 20_000}),
    ("100003", "status", {"status": 500}),
    ("100004", "malformed", {}),
    ("100006", "renamed", {"field": "status"}),
)
"""An order, and what goes wrong when it is asked for."""


def has_copies(retailer: Retailer) -> None:
    """Wait until questions can be answered without the back office."""

    def all_of_them() -> bool:
        told = json.loads(retailer.node.command("status", "--json").stdout)["copies"]
        return bool(told) and all(each["age_s"] is not None for each in told.values())

    wait_until("there are copies", all_of_them, WITHIN_S)


def test_a_renamed_field_degrades_the_path_and_the_alert_names_it(retailer: Retailer) -> None:
    has_copies(retailer)
    fault = {"route": "GET /orders/*", "kind": "renamed", "field": "status", "expires_s": 300}
    retailer.ask("/admin/faults", fault)
    crowd = retailer.crowd("--calls", "4", "--concurrent", "4", personas=PATIENT)
    assert [each["believes"] for each in crowd.told()] == [["order_status"]] * 4, "the copy has it"
    log = retailer.node.stderr()
    assert "contract_broken" in log
    assert "the answer has no $.status" in log
    [path] = [each for each in retailer.paths() if each["path"] == "orders/office"]
    assert (path["condition"] in ("degraded", "down"), "the answer has no $.status" in path["evidence"]) == (True, True)
    alerts = [line for line in log.splitlines() if "path_changed" in line and "orders/office" in line]
    assert any("the answer has no $.status" in line for line in alerts), "who is told that it changed is told why"
    story = retailer.node.command("call", "show", crowd.records()[0]["id"]).stdout
    assert "use_routed.1" in story
    assert "why=office: unavailable: the answer has no $.status; copy: done: from a copy" in story


def test_the_back_office_is_slow_wrong_or_silent(retailer: Retailer) -> None:
    """Callers hear what the copy has."""
    has_copies(retailer)
    for order, kind, more in FAULTS:
        retailer.ask("/admin/faults", {"route": f"GET /orders/{order}", "kind": kind, "expires_s": 300} | more)
    personas = "".join(PATIENT.replace("patient", kind).replace("{order}", order) for order, kind, _ in FAULTS)
    crowd = retailer.crowd("--calls", "15", "--concurrent", "15", "--seed", "5", personas=personas)
    told = {one["call_id"]: one for one in crowd.told()}
    assert {one["persona"] for one in told.values()} == {kind for _, kind, _ in FAULTS}, "another seed has them all"
    for record in crowd.records():
        one = told[record["sip_call_id"]]
        assert (one["how"], one["believes"], one["faults"]) == ("done", ["order_status"], []), one
        assert uses(record)["use orders.find"].startswith("done: from a copy"), record


def test_a_charge_whose_answers_are_lost_is_promised_and_made_once(retailer: Retailer) -> None:
    fault = {"route": "POST /gateways/*/payments", "kind": "lost", "expires_s": 120}
    retailer.ask("/admin/faults", fault)
    crowd = retailer.crowd("--calls", "1", personas=PAYING)
    [told], [record] = crowd.told(), crowd.records()
    assert (told["how"], told["believes"], told["faults"]) == ("done", ["pending"], [])
    assert record["outcome"] == "payment_pending"
    [key] = [one for one in retailer.ask("/admin/ledger")["keys"] if one["key"].startswith(record["id"] + "-")][:1]
    assert (key["received"] > 1, key["done"]) == (True, 1), "asked for again with its key, and done once"
    assert retailer.disagreements([told]).count("paid") == 0


def test_a_silent_gateway_that_dies_and_comes_back_has_charged_once(tmp_path: Path) -> None:
    """The caller hears that it is pending; a node that was itself killed meanwhile finds out what became of it."""
    with Retailer(tmp_path) as retailer:
        fault = {"route": "* /gateways/*", "kind": "silent", "do_work": True, "expires_s": 300}
        retailer.ask("/admin/faults", fault)
        crowd = retailer.crowd("--calls", "1", personas=PAYING)
        [told], [record] = crowd.told(), crowd.records()
        assert (told["how"], told["believes"], told["faults"]) == ("done", ["pending"], [])
        assert record["outcome"] == "payment_pending"
        assert retailer.office.process is not None
        retailer.office.process.kill()
        retailer.office.end()
        wait_until("it is on the list", lambda: unfinished(retailer), WITHIN_S)
        [item] = unfinished(retailer)
        assert (item["state"], item["use"], item["call"]) == ("pending", "payments.charge", record["id"])
        assert (item["arguments"]["card"]["number"], item["why"] != "") == ("•" * 16, True)
        retailer.node.kill("active")
        wait_until("somebody asked in vain", lambda: unfinished(retailer)[0]["tries"], WITHIN_S)
        assert retailer.node.glance()["work"]["pending"] == 1
        retailer.office.start()
        wait_until("it is certain", lambda: not unfinished(retailer), WITHIN_S)
        [record] = crowd.records()
        assert record["steps"][-1] | {"at": 0} == {
            "name": "use payments.charge", "result": "resolved: done", "took_ms": 0.0, "at": 0
        }  # fmt: skip
        [key] = [each for each in retailer.ask("/admin/ledger")["keys"] if each["key"] == item["idempotency_key"]]
        assert (key["done"], key["undone"]) == (1, 0)
        assert retailer.disagreements([told]).count("paid") == 0
        assert json.loads(retailer.node.command("work", "show", item["id"], "--json").stdout)["state"] == "resolved"
        assert retailer.node.command("verify", check=False).returncode == 0


def unfinished(retailer: Retailer) -> list[dict[str, Any]]:
    """The node's work list."""
    return [json.loads(line) for line in retailer.node.command("work", "--json").stdout.splitlines()]


NOTING = """
persona noting
  hear menu
  press 4
  hear ask_interest
  press 1
  hear ask_budget
  press 2
  hear ask_timeframe
  press 1
  hear leave_message
  speak 2
  press # after 0.2-0.5
  hear lead_noted
  believe lead_left
  listen
"""


def test_while_the_back_office_is_dead_callers_are_told_and_noted_and_all_of_it_is_made_once(tmp_path: Path) -> None:
    """The outage of the CRM, shortened: the call process dies in it too."""
    with Retailer(tmp_path) as retailer:
        has_copies(retailer)
        crowd = retailer.crowd("--calls", "1", personas=PATIENT)

        def has_chosen() -> bool:
            return any(step["name"] == "ask_choice" for record in crowd.records() for step in record["steps"])

        wait_until("the caller has chosen", has_chosen, WITHIN_S)
        assert retailer.office.process is not None
        retailer.office.process.kill()
        [told], [record] = crowd.told(), crowd.records()
        assert (told["how"], told["believes"], told["faults"]) == ("done", ["order_status"], [])
        assert uses(record)["use orders.find"].startswith("done: from a copy")
        assert record["outcome"] == "order_status"
        retailer.office.end()

        crowd = retailer.crowd("--calls", "3", "--concurrent", "3", personas=NOTING)
        assert [each["believes"] for each in crowd.told()] == [["lead_left"]] * 3
        noted = crowd.records()
        assert [each["outcome"] for each in noted] == ["lead"] * 3
        retailer.node.kill("active")
        assert {each["use"] for each in kept(retailer)} == {"leads.add", "messages.leave"}
        assert len(kept(retailer)) == 6
        assert unfinished(retailer) == [], "it needs nobody"
        retailer.office.start()
        wait_until("all of it is made", lambda: not kept(retailer), WITHIN_S)
        keys = [each for each in retailer.ask("/admin/ledger")["keys"] if each["scope"] in ("leads", "messages")]
        assert sorted(each["key"][:16] for each in keys) == sorted([each["id"] for each in noted] * 2)
        assert all((each["done"], each["conflicts"]) == (1, 0) for each in keys)


def kept(retailer: Retailer) -> list[dict[str, Any]]:
    """What the node's outbox has."""
    return [json.loads(line) for line in retailer.node.command("outbox", "--json").stdout.splitlines()]
