"""What callees and time may do to calls that we place, in any order: nothing breaks, and all of it ends."""

from hypothesis import given, settings
from hypothesis import strategies as st

from keepline.call import effects as fx
from keepline.call.adoption import wake
from keepline.call.facts import CallEnded
from keepline.sip.message import Request, parse_message
from tests.spec.placing_rig import ANSWER, Placer, answer_of, callee_request

STATUSES = st.sampled_from(
    [100, 180, 183, 199, 200, 200, 202, 300, 302, 401, 407, 408, 422, 481, 486, 487, 491, 503, 603]
)
TAGS = st.sampled_from(["callee", "callee", "callee", "other", ""])
BODIES = st.sampled_from([b"", ANSWER, ANSWER, ANSWER.replace(b"49170", b"49180"), b"v=0\r\nbroken"])
HEADERS = st.sampled_from(
    [
        (),
        (("Session-Expires", "100;refresher=uac"),),
        (("Contact", "<sip:1001@192.0.2.70>"),),
        (("Record-Route", "<sip:192.0.2.80;lr>"),),
        (("Record-Route", "nonsense"),),
        (("Min-SE", "2000"),),
        (("WWW-Authenticate", 'Digest realm="a", nonce="b"'),),
    ]
)
RESPONSES = st.tuples(st.just("response"), st.integers(0, 5), STATUSES, TAGS, BODIES, HEADERS)
REQUESTS = st.tuples(
    st.just("request"),
    st.sampled_from(["BYE", "INVITE", "ACK", "INFO", "OPTIONS", "CANCEL"]),
    st.integers(1, 4),
    BODIES,
)
REST = st.one_of(
    st.tuples(st.just("wait"), st.sampled_from([0.1, 0.6, 5.0, 40.0, 120.0])),
    st.just(("crash",)),
    st.just(("hang up",)),
    st.just(("place",)),
)
SCRIPTS = st.lists(st.one_of(RESPONSES, RESPONSES, RESPONSES, REQUESTS, REST), max_size=25)


def ours(placer: Placer) -> list[Request]:
    """Every request that was sent, the last first."""
    return [each for each in map(parse_message, reversed(placer.sent)) if isinstance(each, Request)]


class Watched(Placer):
    """Keeps what was sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        super().__init__()

    def step(self, given: fx.Input) -> list[bytes]:
        sent = super().step(given)
        self.sent += sent
        return sent


def do(placer: Watched, invite: Request, what: tuple[object, ...]) -> None:
    match what:
        case ("response", int(index), int(status), str(tag), bytes(body), tuple(headers)):
            requests = [each for each in ours(placer) if each.method not in ("ACK",)]
            request = requests[min(index, len(requests) - 1)]
            placer.hear(answer_of(request, status, *headers, tag=tag, body=body if status > 100 else b""))
        case ("request", str(method), int(cseq), bytes(body)):
            placer.hear(callee_request(invite, method, cseq, body=body))
        case ("wait", float(seconds)):
            placer.wait(seconds)
        case ("crash",):
            placer.crash()
        case ("hang up",):
            placer.step(fx.HangUpAll("stopping"))
        case ("place",):
            placer.step(fx.PlaceCall("1000", "greet"))


@settings(deadline=None, database=None, derandomize=True, max_examples=300)
@given(SCRIPTS)
def test_any_order(script: list[tuple[object, ...]]) -> None:
    placer = Watched()
    invite = placer.place("1000")
    for what in script:
        placer.now_s += 0.01
        do(placer, invite, what)
    placer.step(fx.HangUpAll("stopping"))
    placer.wait(200.0)
    assert [each for each in placer.reports if each.event in ("call_broken", "call_lost", "request_broken")] == []
    assert placer.exchange.live_calls == 0
    assert sorted(placer.exchange.slots.free) == list(range(8))
    assert not placer.exchange.by_dialog
    assert not [key for key, (machine, _) in placer.exchange.transactions.clients.items() if not machine.deadline_s]
    for call in {fact.call for fact in placer.facts}:
        facts = placer.facts_of(call)
        wake(tuple(facts))
        assert isinstance(facts[-1], CallEnded)
        assert sum(isinstance(fact, CallEnded) for fact in facts) == 1
