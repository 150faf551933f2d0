"""From what media measured to what the record says; and from an offer to how a stream is sent."""

import json
import os
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest

from keepline.call import effects as fx
from keepline.call.effects import MediaStopped
from keepline.call.facts import CallAnswered, CallReceived, ending
from keepline.call.quality import with_figures
from keepline.call.record import CallRecord, record_of
from keepline.node import mediawire as wire
from keepline.node.medialink import MediaLink
from keepline.node.slots import S_FIGURES_OF, S_SENT, Slots
from keepline.sip.sdp import Answer, offer_answer, parse_sdp

RECEIVED = CallReceived(
    "ab" * 8, 1.0, "carrier", "192.0.2.1", 5060, "", "id", "t", 1, "l", "1000", "+1", "f", "d", 1.0, 0, 40_000, 1, 2, 3
)
ANSWERED = CallAnswered("ab" * 8, 1.0, "", "PCMU", 0, 101, "192.0.2.1", 4000)


def record(stopped: MediaStopped) -> CallRecord:
    ended = with_figures(ending(RECEIVED, 60.0, "caller", 200, "BYE"), stopped)
    return record_of([RECEIVED, ANSWERED, ended])


def test_a_clean_call_with_reports_of_the_peer() -> None:
    stopped = MediaStopped(RECEIVED.call, 1000, 990, 10, 1.234, 20, 40.456, True, 0, 2.0)
    media = record(stopped).media
    assert (media.codec, media.packets_sent, media.packets_received, media.lost) == ("PCMU", 1000, 990, 10)
    assert (media.jitter_ms, media.round_trip_ms, media.audio) == (1.23, 40.46, "both_ways")
    assert media.mos == pytest.approx(4.33, abs=0.01)
    assert media.peer_mos == 4.41
    assert (media.dead_air_s, media.dead_air_at_s) == (0.0, None)


def test_without_reports_nothing_is_said_of_what_the_caller_heard() -> None:
    media = record(MediaStopped(RECEIVED.call, 1000, 1000)).media
    assert (media.mos, media.peer_mos, media.round_trip_ms) == (4.41, None, None)


def test_one_way_audio_and_dead_air_have_their_words() -> None:
    assert record(MediaStopped(RECEIVED.call, 500, 0, dead_air_s=10, dead_air_at_s=0.0)).media.audio == "one_way"
    assert record(MediaStopped(RECEIVED.call, 100, 0)).media.audio == "one_way"
    media = record(MediaStopped(RECEIVED.call, 900, 300, dead_air_s=12.34, dead_air_at_s=6.04)).media
    assert (media.audio, media.dead_air_s, media.dead_air_at_s) == ("dead_air", 12.3, 6.0)
    assert record(MediaStopped(RECEIVED.call)).media.audio == ""


def test_the_peer_that_lost_all_of_it_has_no_score() -> None:
    stopped = MediaStopped(RECEIVED.call, 10, 10, has_reports=True, peer_lost=30)
    assert record(stopped).media.peer_mos is None


def test_the_line_of_json_has_every_field() -> None:
    shown = json.loads(record(replace(MediaStopped(RECEIVED.call), packets_sent=1)).to_json())["media"]
    assert list(shown)[:6] == ["codec", "packets_sent", "packets_received", "lost", "jitter_ms", "mos"]
    assert list(shown)[6:] == ["peer_mos", "round_trip_ms", "audio", "dead_air_s", "dead_air_at_s"]


def agreed(*attributes: str) -> Answer:
    lines = ["v=0", "o=- 1 1 IN IP4 192.0.2.1", "s=-", "c=IN IP4 192.0.2.1", "t=0 0", "m=audio 4000 RTP/AVP 0"]
    offer = parse_sdp("".join(f"{line}\r\n" for line in [*lines, *attributes]).encode())
    answer = offer_answer(offer, local_host="192.0.2.9", local_port=40_000, session_id=1, version=1)
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    ("asked", "sent"), [([], 20), (["a=ptime:10"], 10), (["a=ptime:60"], 60), (["a=ptime:25"], 20), (["a=ptime:x"], 20)]
)
def test_rfc4566_6_the_packet_time_that_is_asked_for_is_sent_where_it_can_be(asked: list[str], sent: int) -> None:
    answer = agreed(*asked)
    assert answer.frame_ms == sent
    assert f"a=ptime:{sent}\r\n".encode() in answer.sdp


def test_rfc5761_5_1_1_rtcp_mux_is_answered_where_it_is_offered() -> None:
    assert agreed("a=rtcp-mux").rtcp_mux
    assert b"a=rtcp-mux\r\n" in agreed("a=rtcp-mux").sdp
    assert b"rtcp-mux" not in agreed().sdp


# The calls process's side of it ---------------------------------------------------------------------------------------


def link_over(pair: tuple[socket.socket, socket.socket], slots: Slots) -> MediaLink:
    return MediaLink(None, slots, pair[0], None, 3, lambda given: None)  # type: ignore[arg-type]


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setblocking(False)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_effects_become_commands(pair: tuple[socket.socket, socket.socket]) -> None:
    slots = Slots.create(2, 0.0, 0.0)
    link, call = link_over(pair, slots), "00000000000000ab"
    held = fx.MediaWay(("10.0.0.0/8",), 30, True, "recvonly")
    link.open(fx.OpenMedia(call, 1, "192.0.2.1", 4000, 0, -1, 1, 2, 3, held, 2.5))
    link.redirect(fx.RedirectMedia(call, 1, 1, "192.0.2.2", 4002, 8, 101))
    link.record(fx.RecordMedia(call, 1, 1, "cd" * 16, 30.5, True))
    link.stop_recording(fx.StopRecording(call, 1, 1))
    link.bridge(fx.BridgeMedia(call, 1, 1, "00000000000000cd", 0))
    link.bridge(fx.UnbridgeMedia(call, 1, 1))
    assert link.close(fx.CloseMedia(call, 1, 9)) is None
    link.flush()
    epoch, commands = wire.decode_commands(pair[1].recv(65_536))
    way = wire.StreamWay(("10.0.0.0/8",), 30, True, sends=False, hears=True)
    assert epoch == 3
    assert commands == [
        wire.Open(0xAB, 1, 1, "192.0.2.1", 4000, 0, None, 1, 2, 3, way, 2_500),
        wire.Redirect(0xAB, 1, 1, "192.0.2.2", 4002, 8, 101),
        wire.Record(0xAB, 1, 1, "cd" * 16, 30_500, True),
        wire.StopRecord(0xAB, 1, 1),
        wire.Bridge(0xAB, 1, 1, 0xCD, 0),
        wire.Unbridge(0xAB, 1, 1),
        wire.Close(0xAB, 1, 9),
    ]
    slots.close()
    os.close(slots.fd)


def test_events_become_inputs_and_figures_are_only_of_their_call(pair: tuple[socket.socket, socket.socket]) -> None:
    slots = Slots.create(2, 0.0, 0.0)
    link, call = link_over(pair, slots), "00000000000000ab"
    slots.u64[(slots.base(1) + S_FIGURES_OF) // 8] = 0xAB
    slots.u32[(slots.base(1) + S_SENT) // 4] = 77
    events = [
        wire.DeadAir(0xAB, 1, 10_200, False),
        wire.AirBack(0xAB, 1, 11_000),
        wire.RecordingEnded(0xAB, 1, 2, wire.RecordEnd.LIMIT, 30_000),
        wire.Closed(0xAB, 1, 9),
        wire.Closed(0xAC, 1, 9),
    ]
    for data in wire.encode_events(1, events):
        pair[1].send(data)
    *told, own, other = link.read()
    assert told == [
        fx.DeadAirBegan(call, 10.2, False),
        fx.DeadAirEnded(call, 11.0),
        fx.RecordingFinished(call, 2, "limit", 30.0),
    ]
    assert isinstance(own, fx.MediaStopped)
    assert own.packets_sent == 77
    assert other == fx.MediaStopped("00000000000000ac")
    at_once = link.close(fx.CloseMedia(call, 1, 9, at_once=True))
    assert at_once == own
    assert link.close(fx.CloseMedia(call, -1, 9)) == fx.MediaStopped(call)
    slots.close()
    os.close(slots.fd)
