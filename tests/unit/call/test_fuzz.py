"""Whatever bytes come in, the exchange answers or is silent: it never raises, answers no response, and lives on."""

from hypothesis import given, settings
from hypothesis import strategies as st

from keepline.call import effects as fx
from keepline.call.facts import CallAcknowledged, CallAnswered
from tests.spec.sip_messages import SDP, wire
from tests.transcript.call_transcripts import Stage

MESSAGES = [
    wire("INVITE", uri="sip:1000@203.0.113.5", body=SDP, Content_Type="application/sdp"),
    wire("INVITE", uri="sip:1001@203.0.113.5", body=SDP, Call_ID="rings@192.0.2.1"),
    wire("INVITE", "Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com>", uri="sip:2000@203.0.113.5", body=SDP),
    wire("INVITE", uri="sip:9999@203.0.113.5", Call_ID="nobody@192.0.2.1"),
    wire("INVITE", uri="sip:1000@203.0.113.5", To="Bob <sip:bob@biloxi.example.com>;tag=x", body=SDP),
    wire("ACK", uri="sip:1000@203.0.113.5"),
    wire("BYE", uri="sip:1000@203.0.113.5", Via="SIP/2.0/UDP [2001:db8::1];rport;branch=z9hG4bKb"),
    wire("CANCEL", uri="sip:1000@203.0.113.5"),
    wire("OPTIONS", uri="sip:203.0.113.5", Via="SIP/2.0/UDP a.example.com;branch=z9hG4bKo;maddr=192.0.2.9"),
    wire("INFO", uri="sip:1000@203.0.113.5"),
    wire().replace(b"INVITE sip:bob@biloxi.example.com SIP/2.0", b"SIP/2.0 200 OK"),
    wire("BYE").replace(b"BYE sip:bob@biloxi.example.com SIP/2.0", b"SIP/2.0 481 Gone"),
]
PIECES = [
    b"\r\n", b"\n", b" ", b"\t", b"\0", b'"', b"<", b">", b";", b",", b":", b"=", b"\\", b"@", b"[", b"]", b"\xff",
    b"-1", b"4294967296", b"Via: ", b"Contact: *\r\n", b"Require: x\r\n", b"SIP/2.0", b"\r\n\r\n", b";tag=", b"m=audio",
    b"c=IN IP4 ", b"sip:", b"tel:", b"branch=", b"z9hG4bK",
]  # fmt: skip
OPTIONS = wire("OPTIONS", Call_ID="alive@192.0.2.1", Via="SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKalive")
SOURCE = ("192.0.2.1", 5060)

quick = settings(deadline=None, database=None, derandomize=True, max_examples=100)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A proper message with a few pieces cut out, put in or doubled; the proper message itself at times."""
    data = draw(st.sampled_from(MESSAGES))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 12)))
        piece = draw(st.one_of(st.sampled_from(PIECES), st.binary(max_size=4), st.just(data[start:end] * 2)))
        data = data[:start] + piece + data[end:]
    return data


def live_stage() -> Stage:
    stage = Stage()
    for line in ("0.0 <- INVITE 2000", "0.1 <- ACK", "0.2 <- INVITE 2000 call=2", "0.3 <- INVITE 1001 call=3"):
        stage.run(line)
    return stage


def feed(stage: Stage, data: bytes) -> list[fx.Effect]:
    stage.now_s += 0.01
    effects = stage.exchange.step(stage.now_s, fx.DatagramReceived(data, SOURCE))
    if data.lstrip(b"\r\n")[:4].upper() == b"SIP/":
        assert [each for each in effects if isinstance(each, fx.SendSip)] == [], "a response is not answered"
    assert [each for each in effects if isinstance(each, fx.Report) and each.event not in ("bad_message",)] == []
    return effects


def is_alive(stage: Stage) -> None:
    sent = [each for each in feed(stage, OPTIONS) if isinstance(each, fx.SendSip)]
    assert [each.data.split(b"\r\n")[0] for each in sent] == [b"SIP/2.0 200 OK"]
    while (deadline_s := stage.exchange.deadline_s) is not None and deadline_s < stage.now_s + 70:
        stage.exchange.step(max(stage.now_s, deadline_s), fx.TimeCame())
        if deadline_s > stage.now_s + 69:
            break
    waiting = [key for key in stage.exchange.transactions.servers if stage.exchange.transactions.is_waiting(key)]
    assert waiting == [], "nobody is left without a final answer"


@quick
@given(st.binary(max_size=300))
def test_any_bytes(data: bytes) -> None:
    stage = live_stage()
    feed(stage, data)
    is_alive(stage)


@quick
@given(st.lists(damaged(), min_size=1, max_size=6))
def test_damaged_messages(messages: list[bytes]) -> None:
    stage = live_stage()
    for data in messages:
        feed(stage, data)
    is_alive(stage)


@quick
@given(st.lists(damaged(), min_size=1, max_size=4))
def test_damaged_messages_to_calls_that_sleep(messages: list[bytes]) -> None:
    stage = live_stage()
    stage.run("crash")
    for data in messages:
        feed(stage, data)
    is_alive(stage)


def test_the_messages_reach_the_calls() -> None:
    stage = Stage()
    effects = [effect for data in MESSAGES for effect in feed(stage, data)]
    facts = [type(each.fact) for each in effects if isinstance(each, fx.Persist)]
    assert CallAnswered in facts
    assert CallAcknowledged not in facts, "no ACK without our tag"
