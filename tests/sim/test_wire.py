"""SIP as objects and SIP as text come to the same journal, message by message."""

import pytest

from keepline.model.errors import PeerError
from keepline.sim.wire import ObjectWire, TextWire, copy_of
from keepline.sip.message import Headers, Request, make_response, parse_message
from tests.sim.random_worlds import calm_scene, random_scene
from tests.sim.scenes import Scene

SEEDS = 40
INVITE = Request(
    "INVITE",
    "sip:1000@203.0.113.5",
    Headers(
        (
            ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"), ("From", "<sip:a@192.0.2.1>;tag=a"),
            ("To", "<sip:1000@203.0.113.5>"), ("Call-ID", "a"), ("CSeq", "1 INVITE"), ("Contact", "<sip:a@192.0.2.1>"),
        )
    ),
)  # fmt: skip


def what_came_of_it(scene: Scene) -> tuple[object, ...]:
    assert scene.run() == []
    return scene.node.written, [caller.heard for caller in scene.callers], scene.node.log.sent


def test_text_and_objects_give_the_same_journal() -> None:
    for seed in range(SEEDS):
        as_text, as_objects = (what_came_of_it(random_scene(seed, as_objects=way)) for way in (False, True))
        assert as_text == as_objects, f"seed {seed}"


def test_they_do_so_in_a_calm_world() -> None:
    as_text, as_objects = (what_came_of_it(calm_scene(60, as_objects=way)) for way in (False, True))
    assert as_text == as_objects


def test_objects_are_not_read_from_their_text(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    monkeypatch.setattr("keepline.sim.wire.parse_message", lambda data: read.append(data) or parse_message(data))
    scene = calm_scene(20, as_objects=True)
    assert scene.run() == []
    assert len(read) < len(scene.node.log.sent) / 3
    as_text = len(read)
    assert calm_scene(20, as_objects=False).run() == []
    assert len(read) - as_text > 3 * as_text


def test_every_reader_has_a_copy_of_its_own() -> None:
    wire = ObjectWire()
    data = INVITE.encode()
    wire.note(data, INVITE)
    first, second = wire.read(data), wire.read(data)
    first.headers.set("To", "<sip:changed@203.0.113.5>")
    assert second.to == wire.read(data).to == INVITE.to != first.to


@pytest.mark.parametrize("message", [INVITE, make_response(INVITE, 180, to_tag="b")])
def test_a_copy_says_the_same(message: Request) -> None:
    copy = copy_of(message)
    assert copy.encode() == message.encode()
    assert (copy.cseq, copy.top_via, copy.from_) == (message.cseq, message.top_via, message.from_)


@pytest.mark.parametrize("wire", [TextWire(), ObjectWire()])
def test_what_is_no_message_is_none_either_way(wire: TextWire) -> None:
    with pytest.raises(PeerError):
        wire.read(b"nonsense\r\n\r\n")
