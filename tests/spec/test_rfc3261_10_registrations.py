"""REGISTER as a trunk's client: RFC 3261 §10.2, with credentials (§22) and across a switch-over; table and exchange."""

from dataclasses import replace

import pytest

from keepline.call import effects as fx
from keepline.call.exchange import Exchange
from keepline.call.turn import Program
from keepline.model.capability import SecretRef
from keepline.model.limits import (
    REGISTER_ATTEMPTS_MAX,
    REGISTER_PAUSE_S_MAX,
    REGISTER_PAUSE_S_MIN,
    REGISTRATION_EXPIRES_S_MAX,
)
from keepline.model.operation import Trunk, TrunkOutbound, TrunkRegistration
from keepline.sip.digest import answers_in
from keepline.sip.locating import SipServer
from keepline.sip.message import Request, Response, make_response, parse_message
from keepline.sip.registration import CSEQ_EPOCH_S, IGNORED, TABLE, Standing, _Event
from tests.spec.exchange_rig import OPERATION, Rig, hold

PROXY = ("203.0.113.7", 5060)
SECRET = SecretRef("env", "CARRIER")
OUTBOUND = TrunkOutbound(*PROXY, "udp", "shop", SECRET)
WANTED = TrunkRegistration("carrier.example", "shop", "+18005550100", 3600)
ASKS = 'Digest realm="carrier.example", nonce="n1", algorithm=MD5, qop="auth"'
OURS = "<sip:+18005550100@192.0.2.9:5060>"
NOW_S = CSEQ_EPOCH_S + 1000.0


class Registering(Rig):
    """A rig with a trunk that registers, and its registrar's side of it."""

    def __init__(self, seed: bytes = b"seed", password: str = "open", **changed: object) -> None:
        super().__init__(seed=seed)
        trunk = Trunk("carrier", ("203.0.113.0/24",), outbound=OUTBOUND, registration=replace(WANTED, **changed))  # type: ignore[arg-type]
        self.exchange = Exchange(self.exchange.identity, seed, self.exchange.rtp_ports, b"of the node")
        passwords = {SECRET: password} if password else {}
        operation = replace(OPERATION, trunks=(*OPERATION.trunks, trunk))
        self.exchange.add_program(Program(operation, {"hold": hold}, passwords), current=True)
        self.now_s = NOW_S
        self.told: list[fx.RegistrationChanged] = []
        self.peers: list[fx.Address] = []

    def step(self, given: fx.Input) -> list[bytes]:
        sent = []
        for effect in self.exchange.step(self.now_s, given):
            if isinstance(effect, fx.SendSip):
                sent.append(effect.data)
                self.peers.append(effect.peer)
            elif isinstance(effect, fx.Report):
                self.reports.append(effect)
            elif isinstance(effect, fx.RegistrationChanged):
                self.told.append(effect)
        return sent

    def wait(self, seconds: float) -> list[Request]:
        """The requests that leave meanwhile."""
        return [request(data) for data in self.pass_time(seconds)]

    def hear(self, response: Response) -> list[Request]:
        """What is sent at once after a response."""
        return [request(data) for data in self.step(fx.DatagramReceived(response.encode(), PROXY))]

    def registers(self, expires: str = "3600") -> Request:
        """From the first request to the 200; the one that was accepted."""
        [first] = self.wait(0.0)
        [second] = self.hear(refused(first, 401, ("WWW-Authenticate", ASKS)))
        assert self.hear(accepted(second, expires)) == []
        return second


def request(data: bytes) -> Request:
    found = parse_message(data)
    assert isinstance(found, Request)
    return found


def refused(asked: Request, status: int, *headers: tuple[str, str]) -> Response:
    return make_response(asked, status, to_tag="1", headers=headers)


def accepted(asked: Request, expires: str = "3600") -> Response:
    contacts = [("Contact", f"<sip:other@192.0.2.77>;expires=9, {OURS};expires={expires}")]
    return make_response(asked, 200, to_tag="1", headers=contacts)


@pytest.mark.parametrize("state", Standing)
@pytest.mark.parametrize("event", _Event)
def test_rfc3261_10_2_every_pair_is_in_the_table_or_ignored(state: Standing, event: _Event) -> None:
    assert ((state, event) in TABLE) != ((state, event) in IGNORED)


def test_rfc3261_10_2_what_a_register_says() -> None:
    rig = Registering()
    [first] = rig.wait(0.0)
    assert rig.peers == [PROXY]
    assert (first.method, first.uri) == ("REGISTER", "sip:carrier.example")
    assert str(first.to) == "<sip:shop@carrier.example>"
    assert (first.from_.uri, bool(first.from_.tag)) == ("sip:shop@carrier.example", True)
    assert first.headers.get_all("Contact") == [OURS]
    assert (first.headers.get("Expires"), "Authorization" in first.headers) == ("3600", False)


def test_rfc3261_22_2_a_challenge_is_answered_once() -> None:
    rig = Registering()
    [first] = rig.wait(0.0)
    [second] = rig.hear(refused(first, 401, ("WWW-Authenticate", ASKS)))
    assert (second.call_id, second.cseq.number) == (first.call_id, first.cseq.number + 1)
    assert second.top_via.params["branch"] != first.top_via.params["branch"]
    [answer] = answers_in(second)
    assert (answer.username, answer.realm, answer.uri) == ("shop", "carrier.example", "sip:carrier.example")
    assert rig.hear(refused(second, 401, ("WWW-Authenticate", ASKS.replace("n1", "n2")))) == []
    assert rig.told[-1].why == "401 Unauthorized: the user name or the password is wrong"
    assert [report.event for report in rig.reports] == ["registration_failed"]
    assert "open" not in repr(rig.reports)


def test_rfc3261_22_2_a_stale_nonce_is_no_refusal() -> None:
    rig = Registering()
    [asked] = rig.wait(0.0)
    for count in range(REGISTER_ATTEMPTS_MAX - 1):
        stale = ASKS.replace("n1", f"n{count}") + ", stale=true"
        [asked] = rig.hear(refused(asked, 401, ("WWW-Authenticate", stale)))
    assert rig.hear(refused(asked, 401, ("WWW-Authenticate", ASKS + ", stale=true"))) == []
    assert not rig.told[-1].is_registered


def test_rfc3261_22_3_a_proxy_and_the_registrar_are_both_answered() -> None:
    rig = Registering()
    [first] = rig.wait(0.0)
    [second] = rig.hear(refused(first, 407, ("Proxy-Authenticate", ASKS)))
    [third] = rig.hear(refused(second, 401, ("WWW-Authenticate", ASKS)))
    assert "Proxy-Authorization" in third.headers
    assert "Authorization" in third.headers
    rig.hear(accepted(third))
    assert rig.told[-1].is_registered


@pytest.mark.parametrize(
    ("password", "challenge", "why"),
    [
        ("", ASKS, "401 Unauthorized, and there is no password to answer it with"),
        ("open", "NTLM abc", "401 Unauthorized: no challenge is known here"),
    ],
)
def test_rfc3261_22_2_what_cannot_be_answered(password: str, challenge: str, why: str) -> None:
    rig = Registering(password=password)
    [first] = rig.wait(0.0)
    assert rig.hear(refused(first, 401, ("WWW-Authenticate", challenge))) == []
    assert rig.told[-1].why == why


def test_rfc3261_10_2_4_it_is_renewed_before_its_end_with_the_same_call_id() -> None:
    rig = Registering()
    last = rig.registers("1000")
    assert (rig.told[-1].is_registered, rig.told[-1].until_s) == (True, rig.now_s + 1000)
    assert rig.wait(749.0) == []
    again = rig.wait(101.0)[0]
    assert again.call_id == last.call_id
    assert again.cseq.number > last.cseq.number


@pytest.mark.parametrize(
    ("headers", "granted_s"),
    [
        ([], 3600),
        ([("Expires", "500")], 500),
        ([("Expires", "500"), ("Contact", f"{OURS};expires=100")], 100),
        ([("Expires", "500"), ("Contact", "<sip:other@192.0.2.1>;expires=100")], 500),
        ([("Expires", "500"), ("Contact", "<tel:+1>;expires=100, <sip:x")], 500),
    ],
)
def test_rfc3261_10_2_1_1_how_long_it_lasts(headers: list[tuple[str, str]], granted_s: int) -> None:
    rig = Registering()
    [first] = rig.wait(0.0)
    rig.hear(make_response(first, 200, to_tag="1", headers=headers))
    assert rig.told[-1].until_s == rig.now_s + granted_s


def test_rfc3261_10_2_4_an_answer_that_keeps_nothing_is_a_failure() -> None:
    rig = Registering()
    [first] = rig.wait(0.0)
    rig.hear(accepted(first, "0"))
    assert (rig.told[-1].is_registered, rig.told[-1].why) == (
        *(False, "the registrar took the request and no address of ours"),
    )
    assert len(rig.wait(REGISTER_PAUSE_S_MIN)) >= 1


def test_rfc3261_10_2_8_too_brief_is_asked_for_longer() -> None:
    rig = Registering(expires_s=60)
    [first] = rig.wait(0.0)
    [second] = rig.hear(refused(first, 423, ("Min-Expires", "300")))
    assert second.headers.get("Expires") == "300"
    rig.hear(make_response(second, 200, to_tag="1"))
    assert rig.told[-1].until_s == rig.now_s + 300


@pytest.mark.parametrize("least", ["", "60", "x", str(REGISTRATION_EXPIRES_S_MAX + 1)])
def test_rfc3261_10_2_8_too_brief_without_a_use(least: str) -> None:
    rig = Registering(expires_s=60)
    [first] = rig.wait(0.0)
    assert rig.hear(refused(first, 423, ("Min-Expires", least))) == []
    assert rig.told[-1].why == "423 Interval Too Brief"


def test_a_failure_is_tried_again_after_pauses_that_grow_up_to_a_limit() -> None:
    rig = Registering()
    [asked] = rig.wait(0.0)
    pauses = []
    for _ in range(12):
        assert rig.hear(refused(asked, 403)) == []
        failed_s = rig.now_s
        deadline_s = min(rig.exchange.agenda.of_kind("register"))
        pauses.append(deadline_s - failed_s)
        [asked] = rig.wait(deadline_s - failed_s)
    assert REGISTER_PAUSE_S_MIN / 2 <= pauses[0] <= REGISTER_PAUSE_S_MIN
    assert all(REGISTER_PAUSE_S_MAX / 2 <= pause <= REGISTER_PAUSE_S_MAX for pause in pauses[-4:])
    assert len({round(pause, 3) for pause in pauses[-4:]}) > 1  # many nodes do not come at once
    assert [report.event for report in rig.reports] == ["registration_failed"]
    rig.hear(accepted(asked))
    assert [report.event for report in rig.reports] == ["registration_failed", "registration_well"]


def test_rfc3261_20_33_retry_after_is_heeded() -> None:
    rig = Registering()
    [first] = rig.wait(0.0)
    rig.hear(refused(first, 503, ("Retry-After", "120 (busy);duration=60")))
    assert rig.wait(119.0) == []
    assert len({each.cseq.number for each in rig.wait(2.0)}) == 1


def test_rfc3261_17_1_2_2_nobody_answers() -> None:
    rig = Registering()
    sent = rig.wait(31.9)
    assert len({each.cseq.number for each in sent}) == 1
    rig.wait(0.2)
    assert rig.told[-1].why == "nobody answered"
    assert len({each.cseq.number for each in rig.wait(REGISTER_PAUSE_S_MIN)}) == 1


def test_while_it_is_renewed_in_vain_it_is_still_registered_until_its_end() -> None:
    rig = Registering()
    rig.registers("1000")
    assert rig.wait(749.0) == []
    while not (sent := rig.wait(0.25)):
        assert rig.now_s < NOW_S + 851
    [again] = sent
    rig.hear(refused(again, 503))
    assert (rig.told[-1].is_registered, rig.told[-1].why) == (True, "503 Service Unavailable")
    rig.wait(400.0)
    assert not rig.told[-1].is_registered


def test_rfc3261_10_2_a_successor_goes_on_with_the_call_id_and_above_the_cseq() -> None:
    rig = Registering()
    last = rig.registers()
    successor = Registering(seed=b"another process")
    successor.now_s = rig.now_s + 1.0
    [first] = successor.wait(0.0)
    assert first.call_id == last.call_id
    assert first.from_.tag == last.from_.tag
    assert first.cseq.number > last.cseq.number
    assert first.top_via.params["branch"] != last.top_via.params["branch"]


def test_rfc3261_10_2_2_a_node_that_drains_takes_it_back() -> None:
    rig = Registering()
    rig.registers()
    [leaving] = [request(data) for data in rig.step(fx.Drain())]
    assert (leaving.headers.get("Expires"), leaving.headers.get_all("Contact")) == ("0", [OURS])
    [proved] = rig.hear(refused(leaving, 401, ("WWW-Authenticate", ASKS)))
    assert (proved.headers.get("Expires"), "Authorization" in proved.headers) == ("0", True)
    assert rig.hear(make_response(proved, 200, to_tag="1")) == []
    assert not rig.told[-1].is_registered
    assert rig.wait(10_000.0) == []


def test_rfc3261_10_2_one_request_at_a_time_while_it_is_taken_back() -> None:
    rig = Registering()
    [first] = rig.wait(0.0)
    assert rig.step(fx.Drain()) == []
    [leaving] = rig.hear(accepted(first))
    assert leaving.headers.get("Expires") == "0"
    rig.hear(refused(leaving, 500))
    assert rig.wait(10_000.0) == []


def test_a_proxy_that_is_not_located_is_a_failure_that_is_tried_again() -> None:
    rig = Registering()
    trunk = rig.exchange.registrations._trunks["carrier"]
    assert trunk.outbound is not None
    named = replace(trunk, outbound=replace(trunk.outbound, proxy_host="sip.carrier.example", proxy_port=0))
    rig.exchange.registrations._trunks["carrier"] = named
    assert rig.wait(0.0) == []
    assert rig.told[-1].why == "its proxy could not be located"
    rig.step(fx.TrunkLocated("carrier", (SipServer(("203.0.113.8",), 5070),)))
    assert rig.wait(REGISTER_PAUSE_S_MIN) != []
    assert rig.peers[-1] == ("203.0.113.8", 5070)


def test_rfc3263_4_3_after_a_failure_the_next_server_is_asked_and_its_challenge_answered_there() -> None:
    rig = Registering()
    servers = (SipServer(("203.0.113.8",), 5070, priority=1), SipServer(("203.0.113.9",), 5070, priority=2))
    rig.step(fx.TrunkLocated("carrier", servers))
    [first] = rig.wait(0.0)
    rig.hear(refused(first, 503))
    [second] = rig.wait(REGISTER_PAUSE_S_MIN)[:1]
    assert {peer for peer in rig.peers if peer != ("203.0.113.8", 5070)} == {("203.0.113.9", 5070)}
    rig.peers.clear()
    rig.hear(refused(second, 401, ("WWW-Authenticate", ASKS)))
    assert rig.peers == [("203.0.113.9", 5070)]


def test_late_and_foreign_answers_change_nothing() -> None:
    rig = Registering()
    second = rig.registers()
    told = len(rig.told)
    assert rig.hear(refused(second, 500)) == []
    other = make_response(second, 200, to_tag="1")
    other.headers.set("Via", second.headers.get("Via", "").replace("branch=z9hG4bK", "branch=z9hG4bKx"))  # type: ignore[union-attr]
    assert rig.hear(other) == []
    assert len(rig.told) == told


def test_by_tcp_the_contact_says_so() -> None:
    rig = Rig()
    trunk = Trunk("c", ("203.0.113.0/24",), outbound=replace(OUTBOUND, transport="tcp"), registration=WANTED)
    operation = replace(OPERATION, trunks=(trunk,))
    rig.exchange.add_program(Program(operation, {"hold": hold}), current=True)
    effects = rig.exchange.step(rig.now_s, fx.TimeCame())
    [sent] = [effect for effect in effects if isinstance(effect, fx.SendSip)]
    assert sent.peer == fx.TcpPeer(*PROXY)
    assert b"Contact: <sip:+18005550100@192.0.2.9:5060;transport=tcp>" in sent.data
    assert b"Via: SIP/2.0/TCP" in sent.data
