"""Planted faults: which request they meet, how long they live, and what they make of an answer."""

import asyncio
import json
from typing import Any

import pytest
from office_faults import BODY_BYTES_MAX, FAULTS_MAX, KINDS, FaultBook, Faulty, renamed


class Clock:
    """Time that a test moves."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def planted(**what: Any) -> tuple[FaultBook, Clock]:
    clock = Clock()
    book = FaultBook(clock)
    assert book.add(**{"expires_s": 10.0, "route": "* *", "kind": "status"} | what) is not None
    return book, clock


@pytest.mark.parametrize(
    ("route", "method", "path", "meets"),
    [
        ("POST /leads", "POST", "/leads", True),
        ("POST /leads", "GET", "/leads", False),
        ("POST /leads", "POST", "/leads/1", False),
        ("* /gateways/north/*", "POST", "/gateways/north/payments", True),
        ("* /gateways/north/*", "POST", "/gateways/south/payments", False),
        ("* *", "GET", "/healthz", True),
    ],
)
def test_a_fault_is_for_its_routes(route: str, method: str, path: str, meets: bool) -> None:
    book, _ = planted(route=route)
    assert (book.meet(method, path) is not None) == meets


def test_a_fault_expires() -> None:
    book, clock = planted(expires_s=10.0)
    clock.now_s = 109.9
    assert book.meet("GET", "/x")
    clock.now_s = 110.0
    assert book.meet("GET", "/x") is None
    assert book.live() == []


def test_a_fault_ends_after_its_requests() -> None:
    book, _ = planted(times=2)
    assert [book.meet("GET", "/x") is not None for _ in range(4)] == [True, True, False, False]
    assert (book.spoilt["status"], sum(book.received.values())) == (2, 4)


def test_the_newest_fault_comes_first_and_each_can_be_ended() -> None:
    book, _ = planted(kind="slow")
    newer = book.add(expires_s=10.0, route="* *", kind="lost")
    assert newer is not None
    assert book.meet("GET", "/x") is newer
    assert book.remove(newer.id) == 1
    assert book.remove(newer.id) == 0
    met = book.meet("GET", "/x")
    assert met is not None
    assert met.kind == "slow"
    assert book.remove() == 1
    assert book.meet("GET", "/x") is None


def test_a_share_of_the_requests_is_spoilt() -> None:
    book, _ = planted(share=0.3)
    hits = sum(book.meet("GET", "/x") is not None for _ in range(1000))
    assert 200 < hits < 400


def test_faults_have_a_limit() -> None:
    book, clock = planted()
    more = [book.add(expires_s=10.0, route="* *", kind="slow") for _ in range(FAULTS_MAX)]
    assert more[-1] is None
    assert None not in more[:-1]
    clock.now_s += 10
    assert book.add(expires_s=10.0, route="* *", kind="slow")


@pytest.mark.parametrize("kind", KINDS)
def test_whether_the_work_is_done_can_be_said(kind: str) -> None:
    for do_work, works in ((None, KINDS[kind]), (True, True), (False, False)):
        book, _ = planted(kind=kind, do_work=do_work)
        assert book.live()[0].works == works


def test_a_key_is_renamed_however_deep() -> None:
    before = {"amount": 1, "lines": [{"amount": 2, "x": {"amount": [3]}}]}
    assert renamed(before, "amount", "sum") == {"sum": 1, "lines": [{"sum": 2, "x": {"sum": [3]}}]}


# The layer around a service -------------------------------------------------------------------------------------------


def ask(book: FaultBook, path: str, body: bytes = b"{}") -> tuple[int, bytes, list[bytes]]:
    """(status, body, what the service had read) of one request through the layer."""
    read: list[bytes] = []
    sent: list[Any] = []

    async def service(scope: Any, receive: Any, send: Any) -> None:
        read.append((await receive())["body"])
        await send({"type": "http.response.start", "status": 201, "headers": [(b"content-length", b"11")]})
        await send({"type": "http.response.body", "body": b'{"due": 12}'})

    async def receive() -> Any:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": path, "headers": [], "state": {}}
    asyncio.run(Faulty(service, book, lambda *_: None)(scope, receive, send))
    start, rest = sent
    assert dict(start["headers"])[b"content-length"] == str(len(rest["body"])).encode()
    return start["status"], rest["body"], read


def test_without_a_fault_nothing_changes() -> None:
    assert ask(FaultBook(), "/x", b"abc") == (201, b'{"due": 12}', [b"abc"])


def test_admin_routes_are_never_touched() -> None:
    book, _ = planted(kind="status")
    assert ask(book, "/admin/faults")[0] == 201
    assert book.live()[0].hits == 0


@pytest.mark.parametrize(("do_work", "worked"), [(None, 0), (True, 1)])
def test_a_wrong_status(do_work: bool | None, worked: int) -> None:
    book, _ = planted(kind="status", status=500, do_work=do_work)
    status, body, read = ask(book, "/x")
    assert (status, json.loads(body)["error"]["code"], len(read)) == (500, "planted_fault", worked)


def test_a_body_of_ones_own() -> None:
    book, _ = planted(kind="status", status=200, body=["what?"])
    assert ask(book, "/x")[:2] == (200, b'["what?"]')


def test_malformed_json() -> None:
    book, _ = planted(kind="malformed")
    status, body, read = ask(book, "/x")
    assert (status, len(read)) == (201, 1)
    with pytest.raises(json.JSONDecodeError):
        json.loads(body)


def test_a_renamed_field() -> None:
    book, _ = planted(kind="renamed", field="due")
    assert json.loads(ask(book, "/x")[1]) == {"due_v2": 12}


def test_a_body_that_is_too_large_is_refused() -> None:
    assert ask(FaultBook(), "/x", b"a" * BODY_BYTES_MAX)[0] == 201
    status, body, read = ask(FaultBook(), "/x", b"a" * (BODY_BYTES_MAX + 1))
    assert (status, json.loads(body)["error"]["code"], read) == (413, "body_too_large", [])
