"""Dead air: told when it is long enough, counted to its end, kept over deaths; not while a call is on hold."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepline.node.media import MediaLoop
from keepline.node.mediawire import AirBack, Close, DeadAir, Redirect, StreamWay, decode_events
from tests.live.media_rig import Clock, Phone, Rig

LOOK_S = 0.55
"""A look comes within half a second."""


@pytest.fixture
def clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    with Rig(tmp_path, 20) as rig:
        found = Clock(rig)
        monkeypatch.setattr("keepline.node.media.monotonic", found.monotonic)
        yield found
        for loop in found.loops:
            loop.close()


def opened(clock: Clock, dead_air_ms: int = 10_000, **changes: StreamWay) -> tuple[MediaLoop, Phone]:
    loop, phone = clock.loop(), clock.rig.phone()
    clock.rig.send(clock.rig.opening(phone, dead_air_ms=dead_air_ms, **changes))
    clock.wake(loop)
    return loop, phone


def run(clock: Clock, loop: MediaLoop, seconds: float, phone: Phone | None = None) -> None:
    for _ in range(round(seconds / 0.02)):
        if phone is not None:
            phone.send(clock.rig.ports[0])
        clock.wake(loop, 0.02)


def events(clock: Clock) -> list[DeadAir | AirBack]:
    clock.rig.commands.setblocking(False)
    found = []
    while True:
        try:
            found += decode_events(clock.rig.commands.recv(65_536))[1]
        except BlockingIOError:
            return [event for event in found if isinstance(event, DeadAir | AirBack)]


def test_a_peer_that_was_never_heard_is_told_and_counted_from_the_beginning(clock: Clock) -> None:
    loop, _ = opened(clock)
    run(clock, loop, 9.9)
    assert events(clock) == []
    run(clock, loop, 0.1 + LOOK_S)
    (event,) = events(clock)
    assert isinstance(event, DeadAir)
    assert (event.call, event.slot, event.ever_heard) == (1, 0, False)
    assert 10_000 <= event.silent_ms <= 10_600
    run(clock, loop, 5)
    assert events(clock) == []
    stats = clock.rig.slots.stats(0)
    assert (stats.dead_airs, stats.dead_air_at_s, stats.packets_received) == (1, 0.0, 0)
    assert stats.dead_air_s == pytest.approx(15.5, abs=0.7)


def test_a_peer_that_falls_silent_and_comes_back(clock: Clock) -> None:
    loop, phone = opened(clock)
    run(clock, loop, 5, phone)
    run(clock, loop, 12)
    (event,) = events(clock)
    assert isinstance(event, DeadAir)
    assert event.ever_heard
    run(clock, loop, 3, phone)
    (back,) = events(clock)
    assert isinstance(back, AirBack)
    assert back.silent_ms == pytest.approx(12_000, abs=1_100)
    run(clock, loop, 11)
    assert len(events(clock)) == 1
    clock.rig.send(Close(1, 0, 9))
    clock.wake(loop)
    stats = clock.rig.slots.stats(0)
    assert stats.dead_airs == 2
    assert stats.dead_air_at_s == pytest.approx(5, abs=0.6)
    assert stats.dead_air_s == pytest.approx(12 + 11, abs=2)


def test_a_shorter_silence_is_nothing(clock: Clock) -> None:
    loop, phone = opened(clock)
    for _ in range(3):
        run(clock, loop, 1, phone)
        run(clock, loop, 9)
    assert events(clock) == []
    assert clock.rig.slots.stats(0).dead_air_at_s is None


def test_without_a_limit_silence_is_never_told(clock: Clock) -> None:
    loop, _ = opened(clock, 0)
    run(clock, loop, 30)
    assert events(clock) == []


def test_a_successor_goes_on_counting_and_does_not_tell_again(clock: Clock) -> None:
    loop, _ = opened(clock)
    run(clock, loop, 11)
    assert len(events(clock)) == 1
    successor = clock.loop()
    run(clock, successor, 4)
    assert events(clock) == []
    assert clock.rig.slots.stats(0).dead_air_s == pytest.approx(15, abs=0.6)
    assert clock.rig.slots.stats(0).dead_airs == 1


def test_strangers_are_no_sound(clock: Clock) -> None:
    loop, _ = opened(clock)
    stranger = clock.rig.phone("127.0.0.9")
    stranger.host = "127.0.0.1"
    run(clock, loop, 11, stranger)
    assert len(events(clock)) == 1


def test_silence_on_hold_is_no_dead_air_nor_is_that_before_it(clock: Clock) -> None:
    loop, phone = opened(clock)
    run(clock, loop, 1, phone)

    def redirect(number: int, hears: bool) -> None:
        clock.rig.send(Redirect(1, 0, number, phone.host, phone.port, 0, 101, StreamWay(sends=hears, hears=hears)))
        clock.wake(loop)

    redirect(1, False)
    run(clock, loop, 30)
    redirect(2, True)
    run(clock, loop, 9)
    assert events(clock) == []
    run(clock, loop, 2)
    assert len(events(clock)) == 1
    redirect(3, False)
    run(clock, loop, 20)
    redirect(4, True)
    run(clock, loop, 3, phone)
    stats = clock.rig.slots.stats(0)
    assert stats.dead_airs == 1
    assert stats.dead_air_s == pytest.approx(11, abs=1)
