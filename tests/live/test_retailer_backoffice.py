"""The back office as a process: every fault over real connections, and what concurrency must not do to it."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

BACKOFFICE = Path(__file__).parents[2] / "examples" / "retailer" / "backoffice"
DEADLINE_S = 30
CARD = {"number": "4242424242424242", "expiry": "1230", "cvv": "123"}
CLIENTS = 32


class Office:
    """A back office that runs, and what one asks of it."""

    def __init__(self, directory: Path, *more: str) -> None:
        self.directory = directory
        self.log = (directory / "office.log").open("ab")
        command = [sys.executable, str(BACKOFFICE), "--port", "0", "--db", str(directory / "office.db")]
        self.process = subprocess.Popen(
            [*command, "--today", "2026-03-02", *more], stdout=subprocess.PIPE, stderr=self.log, text=True
        )
        assert self.process.stdout is not None
        ready = self.process.stdout.readline()
        assert ready.startswith("ready http=127.0.0.1:"), (directory / "office.log").read_text()
        self.port = int(ready.split()[1].rpartition(":")[2])

    def ask(self, method: str, path: str, body: Any = None, key: str = "", timeout_s: float = DEADLINE_S) -> Any:
        """(status, JSON) of one request on a connection of its own."""
        status, _, text = self.raw(method, path, body, key, timeout_s)
        return status, json.loads(text)

    def raw(self, method: str, path: str, body: Any = None, key: str = "", timeout_s: float = DEADLINE_S) -> Any:
        """(status, headers, bytes)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, response.headers, response.read()
        finally:
            connection.close()

    def plant(self, route: str, kind: str, **more: Any) -> str:
        """Plant a fault; its id."""
        status, fault = self.ask("POST", "/admin/faults", {"route": route, "kind": kind} | more)
        assert status == 201
        return str(fault["id"])

    def charge(self, key: str, timeout_s: float = DEADLINE_S, **more: Any) -> Any:
        """Pay an invoice."""
        wish = {"invoice": "20000001", "amount_cents": 500, "card": CARD} | more
        return self.ask("POST", "/gateways/north/payments", wish, key, timeout_s)

    def done(self, key: str) -> int:
        """How often a card was really charged under a key."""
        _, ledger = self.ask("GET", "/admin/ledger")
        return sum(row["done"] for row in ledger["keys"] if row["key"] == key)

    def end(self) -> int:
        """Stop it as anybody would; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(DEADLINE_S)
        finally:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()
            self.log.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    office = Office(tmp_path_factory.mktemp("office"), "--orders", "600")
    yield office
    assert office.end() == 0


@pytest.fixture
def office(shared: Office) -> Office:
    """The one back office, with no fault left in it."""
    shared.ask("DELETE", "/admin/faults")
    return shared


def many(work: Callable[[Any], Any], items: list[Any]) -> list[Any]:
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(work, items))


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# Concurrency ----------------------------------------------------------------------------------------------------------


def test_of_two_hundred_bookings_of_one_slot_one_gets_it(office: Office) -> None:
    slot = office.ask("GET", "/slots?limit=1")[1]["slots"][0]["id"]
    orders = [f"{100_000 + n}" for n in range(1, 401) if n % 6 in (0, 1, 4)][:200]
    assert len(orders) == 200
    answers = many(lambda order: office.ask("POST", "/appointments", {"order": order, "slot": slot}), orders)
    assert [status for status, _ in answers if status != 409] == [201]
    refused = [body["error"] for status, body in answers if status == 409]
    assert {error["code"] for error in refused} == {"slot_taken"}
    assert {error["next_free"]["id"] for error in refused} == {office.ask("GET", "/slots?limit=1")[1]["slots"][0]["id"]}


def test_one_key_sent_fifty_times_at_once_charges_once(office: Office) -> None:
    answers = many(lambda _: office.charge("at-once"), [None] * 50)
    assert {status for status, _ in answers} == {201}
    assert len({json.dumps(body) for _, body in answers}) == 1
    assert office.done("at-once") == 1


def test_fifty_bodies_under_one_key_charge_once(office: Office) -> None:
    answers = many(lambda cents: office.charge("bodies", amount_cents=cents), list(range(101, 151)))
    assert sorted(status for status, _ in answers) == [201] + [422] * 49
    assert office.done("bodies") == 1


def test_an_answer_given_again_says_so(office: Office) -> None:
    wish = {"phone": "+12125550100", "interest": "kitchen"}
    first = office.raw("POST", "/leads", wish, "again")
    second = office.raw("POST", "/leads", wish, "again")
    assert (first[0], first[2]) == (second[0], second[2])
    assert (first[1]["Idempotency-Replayed"], second[1]["Idempotency-Replayed"]) == (None, "true")


# Faults ---------------------------------------------------------------------------------------------------------------


def test_slow(office: Office) -> None:
    office.plant("GET /orders/*", "slow", ms=300)
    begun = time.monotonic()
    assert office.ask("GET", "/orders/100001")[0] == 200
    assert time.monotonic() - begun >= 0.3


def test_the_work_of_a_slow_route_is_done_though_the_client_has_gone(office: Office) -> None:
    office.plant("POST /gateways/*", "slow", ms=1000)
    with pytest.raises(TimeoutError):
        office.charge("slow-gone", timeout_s=0.3)
    wait_until(lambda: office.done("slow-gone") == 1)


def test_wrong_status(office: Office) -> None:
    office.plant("GET /orders/*", "status", status=500, times=1)
    assert office.ask("GET", "/orders/100001")[1]["error"]["code"] == "planted_fault"
    assert office.ask("GET", "/orders/100001")[0] == 200


def test_wrong_status_after_the_work_was_done(office: Office) -> None:
    office.plant("POST /gateways/*", "status", status=500, do_work=True, times=1)
    assert office.charge("done-500")[0] == 500
    assert office.done("done-500") == 1
    assert office.charge("done-500")[0] == 201
    assert office.done("done-500") == 1


def test_malformed(office: Office) -> None:
    office.plant("GET /orders/*", "malformed")
    status, _, text = office.raw("GET", "/orders/100001")
    assert status == 200
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)


def test_renamed(office: Office) -> None:
    office.plant("GET /invoices/*", "renamed", field="due_cents", renamed_to="due")
    body = office.ask("GET", "/invoices/20000002")[1]
    assert "due" in body
    assert "due_cents" not in body


def test_silent(office: Office) -> None:
    office.plant("POST /gateways/north/*", "silent")
    with pytest.raises(TimeoutError):
        office.charge("silent", timeout_s=0.2)
    assert office.done("silent") == 0
    other = {"invoice": "20000002", "amount_cents": 500, "card": CARD}
    assert office.ask("POST", "/gateways/south/payments", other, "not-silent")[0] == 201


def test_a_lost_answer_can_be_resolved(office: Office) -> None:
    office.plant("POST /gateways/*", "lost", times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        office.charge("lost")
    status, found = office.ask("GET", "/gateways/north/payments?idempotency_key=lost")
    assert (status, found["outcome"]) == (200, "charged")
    assert office.charge("lost") == (201, found["payment"])
    assert office.done("lost") == 1


def test_a_request_that_is_dropped_unread_leaves_nothing(office: Office) -> None:
    office.plant("POST /gateways/*", "lost", do_work=False, times=1)
    with pytest.raises((http.client.RemoteDisconnected, ConnectionResetError)):
        office.charge("dropped")
    assert office.ask("GET", "/gateways/north/payments?idempotency_key=dropped")[0] == 404


def test_late(office: Office) -> None:
    """The charge is there while its answer is not."""
    office.plant("POST /gateways/*", "late", ms=600)
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(office.charge, "late")
        wait_until(lambda: office.done("late") == 1)
        assert answer.result()[0] == 201


def test_twice(office: Office) -> None:
    """The same answer comes a second time, and would be taken for that of the connection's next request."""
    office.plant("GET /orders/*", "twice", ms=50)
    with socket.create_connection(("127.0.0.1", office.port), timeout=DEADLINE_S) as sock:
        sock.sendall(b"GET /orders/100001 HTTP/1.1\r\nHost: office\r\n\r\n")
        received = b""
        while received.count(b'"number":"100001"') < 2:
            more = sock.recv(65536)
            assert more
            received += more
    assert received.count(b"HTTP/1.1 200") == 2


def test_a_fault_ends_by_itself(office: Office) -> None:
    office.plant("GET /orders/*", "status", expires_s=0.2)
    wait_until(lambda: office.ask("GET", "/orders/100001")[0] == 200)
    assert office.ask("GET", "/admin/faults")[1] == []


def test_faults_are_listed_and_ended(office: Office) -> None:
    fault = office.plant("GET /orders/*", "status")
    assert office.ask("GET", "/orders/100001")[0] == 503
    [shown] = office.ask("GET", "/admin/faults")[1]
    assert (shown["id"], shown["hits"]) == (fault, 1)
    assert office.ask("DELETE", f"/admin/faults/{fault}") == (200, {"ended": 1})
    assert office.ask("DELETE", f"/admin/faults/{fault}")[0] == 404
    assert office.ask("GET", "/orders/100001")[0] == 200
    assert office.ask("GET", "/admin/traffic")[1]["spoilt"]["status"] >= 1


# Answers --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/orders/1", None, 422, "invalid_request"),
        ("GET", "/orders/999999", None, 404, "order_unknown"),
        ("GET", "/customers/by-phone/+19995550100", None, 404, "customer_unknown"),
        ("GET", "/nothing", None, 404, "route_unknown"),
        ("DELETE", "/orders/100001", None, 405, "method_not_allowed"),
        ("POST", "/leads", {"phone": "+1", "interest": "x", "colour": "red"}, 422, "invalid_request"),
        ("POST", "/gateways/east/payments", {}, 422, "invalid_request"),
        ("POST", "/admin/faults", {"route": "everything", "kind": "slow"}, 422, "invalid_request"),
    ],
)
def test_refusals_are_clear(office: Office, method: str, path: str, body: Any, status: int, code: str) -> None:
    answer = office.ask(method, path, body)
    assert (answer[0], answer[1]["error"]["code"]) == (status, code)
    assert answer[1]["error"]["message"]


def test_a_customer_is_found_by_telephone(office: Office) -> None:
    status, customer = office.ask("GET", "/customers/by-phone/+12125550100")
    assert (status, customer["id"]) == (200, "C1001")
    assert office.ask("GET", "/customers/C1001") == (200, customer)


def resolved(schema: Any, whole: Any) -> Any:
    """The schema itself where it is named by reference."""
    return whole["components"]["schemas"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def test_answers_are_what_openapi_says(office: Office) -> None:
    """Every field that the description of a route requires is there, and none besides."""
    whole = office.ask("GET", "/openapi.json")[1]
    slot = office.ask("GET", "/slots?limit=1")[1]["slots"][0]["id"]
    appointment = office.ask("POST", "/appointments", {"order": "100016", "slot": slot})
    paid = office.charge("shape", invoice="20000003")
    cases = [
        ("/orders/{number}", "get", "200", office.ask("GET", "/orders/100016")),
        ("/invoices/{number}", "get", "200", office.ask("GET", "/invoices/20000003")),
        ("/customers/{customer_id}", "get", "200", office.ask("GET", "/customers/C1001")),
        ("/slots", "get", "200", office.ask("GET", "/slots")),
        ("/appointments", "post", "201", appointment),
        ("/gateways/{gateway}/payments", "post", "201", paid),
        ("/gateways/{gateway}/payments", "get", "200",
         office.ask("GET", "/gateways/north/payments?idempotency_key=shape")),
        ("/leads", "post", "201", office.ask("POST", "/leads", {"phone": "+1", "interest": "x"})),
        ("/messages", "post", "201", office.ask("POST", "/messages", {"phone": "+1", "department": "sales"})),
    ]  # fmt: skip
    for route, method, status, answer in cases:
        assert str(answer[0]) == status, route
        schema = whole["paths"][route][method]["responses"][status]["content"]["application/json"]["schema"]
        assert set(answer[1]) == set(resolved(schema, whole)["properties"]), route


# The process ----------------------------------------------------------------------------------------------------------


def test_what_was_charged_survives_kill_9_and_no_card_is_left_anywhere(tmp_path: Path) -> None:
    office = Office(tmp_path)
    try:
        paid = office.charge("k")
        assert paid[0] == 201
        office.ask("GET", "/invoices/4242424242424242")
        office.ask("POST", "/gateways/north/payments", {"card": CARD, "number": CARD["number"]}, "4242424242424242")
    finally:
        os.kill(office.process.pid, signal.SIGKILL)
        office.end()
    again = Office(tmp_path)
    try:
        assert again.charge("k") == paid
        assert again.done("k") == 1
    finally:
        assert again.end() == 0
    for file in tmp_path.iterdir():
        assert b"4242424242424242" not in file.read_bytes(), file.name
    assert b"****4242" in (tmp_path / "office.log").read_bytes()


def test_it_ends_although_a_client_waits_for_ever(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.plant("* *", "silent")
    with socket.create_connection(("127.0.0.1", office.port), timeout=DEADLINE_S) as sock:
        sock.sendall(b"GET /healthz HTTP/1.1\r\nHost: office\r\n\r\n")
        wait_until(lambda: office.ask("GET", "/admin/faults")[1][0]["hits"] == 1)
        assert office.end() == 0


def test_a_port_in_use_is_said(tmp_path: Path, office: Office) -> None:
    command = [sys.executable, str(BACKOFFICE), "--port", str(office.port), "--db", str(tmp_path / "x.db")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert ended.returncode == 1
    assert f"cannot listen at 127.0.0.1:{office.port}" in ended.stderr
