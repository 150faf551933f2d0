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
        self.process = subprocess.Popen(
            [sys.executable, str(WORLD), "crowd", "--target", retailer.node.uri(NUMBER), "--backoffice",
             retailer.office.address, "--prompts", str(retailer.prompts), *options],
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
    ("100001", "silent", {}, "unavailable: no answer in time"),
    ("100002", "slow", {"ms": 20_000}, "unavailable: no answer in time"),
    ("100003", "status", {"status": 500}, "unavailable: answered 500"),
    ("100004", "malformed", {}, "unavailable: the answer is no JSON"),
    ("100006", "renamed", {"field": "status"}, "unavailable: the answer has no $.status"),
)
"""An order, what goes wrong when it is asked for, and what the record says of it."""


def test_the_back_office_is_slow_wrong_or_silent(retailer: Retailer) -> None:
    for order, kind, more, _ in FAULTS:
        retailer.ask("/admin/faults", {"route": f"GET /orders/{order}", "kind": kind, "expires_s": 300} | more)
    personas = "".join(
        PATIENT.replace("patient", kind).replace("{order}", order) for order, kind, _, _ in FAULTS
    )  # fmt: skip
    crowd = retailer.crowd("--calls", "15", "--concurrent", "15", "--seed", "5", personas=personas)
    told = {one["call_id"]: one for one in crowd.told()}
    assert {one["persona"] for one in told.values()} == {kind for _, kind, _, _ in FAULTS}, "another seed has them all"
    why = {kind: why for _, kind, _, why in FAULTS}
    for record in crowd.records():
        one = told[record["sip_call_id"]]
        assert (one["how"], one["believes"], one["faults"]) == ("done", ["apology"], []), one
        assert heard(one)[-2:] == ["apology", "promise"]
        assert (record["outcome"], record["outcome_fields"]["why"]) == ("promised", why[one["persona"]])
        if one["persona"] in ("silent", "slow"):
            assert any(name.startswith("hold") for name in heard(one)), "who waits hears that something goes on"


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


def test_the_back_office_is_killed_in_mid_call(tmp_path: Path) -> None:
    with Retailer(tmp_path) as retailer:
        crowd = retailer.crowd("--calls", "1", personas=PATIENT)

        def has_chosen() -> bool:
            return any(step["name"] == "ask_choice" for record in crowd.records() for step in record["steps"])

        wait_until("the caller has chosen", has_chosen, WITHIN_S)
        assert retailer.office.process is not None
        retailer.office.process.kill()
        [told], [record] = crowd.told(), crowd.records()
        assert (told["how"], told["believes"], told["faults"]) == ("done", ["apology"], [])
        assert heard(told)[-2:] == ["apology", "promise"]
        assert uses(record) == {
            "use orders.find": "unavailable: cannot be reached", "use messages.leave": "unavailable: cannot be reached",
        }  # fmt: skip
        assert record["outcome"] == "promised"
        assert record["outcome_fields"]["why"] == "unavailable: cannot be reached"
        pressed_at, apology_at = (
            next(at for at, what in told["diary"] if what.startswith(begun)) for begun in ("pressed 1000", "heard apol")
        )
        assert apology_at - pressed_at < 10, "never silence"
