"""The desk's answers over a source of our own; no socket."""

import pytest
from starlette.types import ASGIApp

from keepline.desk.app import create_app, is_address_or_localhost
from keepline.model.limits_desk import DESK_CALLS_MAX
from tests.unit.desk.desk_fakes import CALL, ITEM, STATUS, FakeSource, get


@pytest.fixture
def source() -> FakeSource:
    return FakeSource()


@pytest.fixture
def app(source: FakeSource) -> ASGIApp:
    return create_app(source, loopback=True)


def test_healthz_answers_whatever_the_node_does(app: ASGIApp, source: FakeSource) -> None:
    source.down = "gone"
    assert get(app, "/healthz").json == {"status": "ok"}


def test_status_says_what_the_node_says_and_nothing_beyond_the_schema(app: ASGIApp) -> None:
    reply = get(app, "/api/status")
    assert reply.status == 200
    assert isinstance(reply.json, dict)
    said = {name: value for name, value in STATUS.items() if name != "secret"}
    processes = {
        "supervisor": {"pid": 1},
        "media": {"pid": 2, "scheduling": "real-time"},
        "calls": {"active": {"pid": 3}, "warm": None, "starting": None},
        "speech": None,
        "desk": None,
        "status_page": None,
    }
    assert reply.json == {**said, "processes": processes}


def test_the_work_list_is_served_with_secrets_masked(app: ASGIApp) -> None:
    reply = get(app, "/api/work")
    assert reply.json == {"items": [ITEM]}
    assert ITEM["arguments"] == {"card": "•" * 16, "cents": 4200}


@pytest.mark.parametrize("target", ["/api/status", "/api/calls", "/api/work"])
def test_a_node_that_does_not_answer_is_503_with_its_reason(app: ASGIApp, source: FakeSource, target: str) -> None:
    source.down = "no node runs here"
    reply = get(app, target)
    assert (reply.status, reply.json) == (503, {"error": "no node runs here"})


def test_a_record_has_the_fields_of_the_record(app: ASGIApp) -> None:
    reply = get(app, "/api/calls/0192f3")
    assert (reply.status, reply.json) == (200, CALL)
    assert get(app, "/api/calls").json == {"calls": [CALL], "older": "", "searched": None}


def test_an_unknown_call_is_404(app: ASGIApp) -> None:
    reply = get(app, "/api/calls/nosuch")
    assert (reply.status, reply.json) == (404, {"error": "no call has this id"})


def test_the_number_of_calls_is_bounded(app: ASGIApp, source: FakeSource) -> None:
    assert get(app, f"/api/calls?limit={DESK_CALLS_MAX}").status == 200
    assert get(app, "/api/calls").status == 200
    assert source.asked == [DESK_CALLS_MAX, 100]
    for limit in (0, -1, DESK_CALLS_MAX + 1, "many"):
        assert get(app, f"/api/calls?limit={limit}").status == 422


def test_a_record_of_the_wrong_shape_is_an_error_not_an_answer(app: ASGIApp, source: FakeSource) -> None:
    source.calls[0]["sip_status"] = "two hundred"
    with pytest.raises(ValueError, match="sip_status"):
        get(app, "/api/calls")


def test_metrics_are_served_while_the_node_is_down(app: ASGIApp, source: FakeSource) -> None:
    assert "keepline_node_up 1.0" in get(app, "/metrics").text
    source.down = "gone"
    reply = get(app, "/metrics")
    assert (reply.status, "keepline_node_up 0.0" in reply.text) == (200, True)


@pytest.mark.parametrize(
    "target", ["/", "/healthz", "/api/status", "/calls", "/calls/0192f3", "/api/now", "/nothing", "/api/calls?limit=0"]
)
def test_every_answer_has_the_security_headers(app: ASGIApp, target: str) -> None:
    headers = get(app, target).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "same-origin", "with none at all browsers send forms without an origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cache-control"] == "no-store"


def test_nothing_is_fetched_from_elsewhere(app: ASGIApp) -> None:
    for target in ("/", "/calls", "/calls/0192f3", "/leaders"):
        assert b"//" not in get(app, target).body
    for target in ("/docs", "/redoc"):
        assert get(app, target).status == 404
    described = get(app, "/openapi.json").json
    assert isinstance(described, dict)
    calls = ["/api/calls", "/api/calls/{id}", "/api/calls/{id}/timeline"]
    others = ["/api/now", "/api/paths", "/api/status", "/api/stream", "/api/work", "/healthz"]
    assert {*calls, *others} <= set(described["paths"])


def test_it_only_reads(app: ASGIApp) -> None:
    for method in ("POST", "PUT", "DELETE"):
        assert get(app, "/api/calls", method=method).status == 405


def test_a_loopback_desk_turns_foreign_names_away(source: FakeSource) -> None:
    local = create_app(source, loopback=True)
    assert get(local, "/api/calls", host="evil.example:8080").status == 421
    assert get(create_app(source, loopback=False), "/healthz", host="node1.example:8080").status == 200


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True), ("LOCALHOST:8080", True), ("desk.localhost", True), ("127.0.0.1", True),
        ("127.0.0.1:80", True), ("[::1]", True), ("[::1]:8080", True), ("", True), ("evil.example", False),
        ("127.0.0.1.evil.example:80", False), ("localhost.evil.example", False), ("notlocalhost", False), (":80", True),
    ],
)  # fmt: skip
def test_names_that_cannot_be_another_sites(host: str, own: bool) -> None:
    assert is_address_or_localhost(host) is own
