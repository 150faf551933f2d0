"""SIP as objects and SIP as text come to the same journal, message by message."""

import pytest

from keepline.model.errors import PeerError
from keepline.sim.wire import ObjectWire, TextWire
from keepline.sip.body import description_of
from keepline.sip.message import parse_message
from tests.sim.random_worlds import calm_scene, random_scene
from tests.sim.scenes import Scene

SEEDS = 40


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


def test_they_do_so_where_objects_are_forgotten_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("keepline.sim.wire.KNOWN_MAX", 7)
    as_text, scene = what_came_of_it(calm_scene(60, as_objects=False)), calm_scene(60, as_objects=True)
    assert what_came_of_it(scene) == as_text
    assert isinstance(scene.network.wire, ObjectWire)
    assert len(scene.network.wire._known) <= 7


def test_objects_are_not_read_from_their_text(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    monkeypatch.setattr("keepline.sim.wire.parse_message", lambda data: read.append(data) or parse_message(data))
    scene = calm_scene(20, as_objects=True)
    assert scene.run() == []
    assert len(read) < len(scene.node.log.sent) / 3
    as_text = len(read)
    assert calm_scene(20, as_objects=False).run() == []
    assert len(read) - as_text > 3 * as_text


@pytest.mark.parametrize("seed", range(SEEDS))
def test_nobody_changes_what_came(seed: int) -> None:
    """One message is handed to all its readers; it still says what it said, to each of them."""
    scene = random_scene(seed, as_objects=True)
    assert scene.run() == []
    wire = scene.network.wire
    assert isinstance(wire, ObjectWire)
    for data, message in wire._known.items():
        as_text = parse_message(data)
        assert (message.encode(), message.body) == (data, as_text.body)
        assert (message.top_via, message.from_, message.to, message.cseq, message.contacts) == (
            as_text.top_via, as_text.from_, as_text.to, as_text.cseq, as_text.contacts
        )  # fmt: skip
        if message.body.startswith(b"v=0"):
            assert description_of(message) == description_of(as_text)


@pytest.mark.parametrize("wire", [TextWire(), ObjectWire()])
def test_what_is_no_message_is_none_either_way(wire: TextWire) -> None:
    with pytest.raises(PeerError):
        wire.read(b"nonsense\r\n\r\n")
